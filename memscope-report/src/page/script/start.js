theme.start();
tabs.start();
tables.start();
explore.start();
flame.start();
// For a look from the console, and for the browser test.
globalThis.memscope = Object.freeze({ data, slices, statistics });
