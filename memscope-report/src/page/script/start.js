theme.start();
tabs.start();
tables.start();
explore.start();
flame.start();
