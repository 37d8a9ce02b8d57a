/* The seeds of the fuzz test of debug information: corpus/README.md says how each was made. */
struct node { struct node *next; long value; };
static inline __attribute__((always_inline)) long inner(struct node *node, long more) {
    long sum = more;
    for (; node; node = node->next) sum += node->value * more;
    return sum;
}
__attribute__((noinline)) long outer(struct node *node) { return inner(node, 3) + 1; }
long another(struct node *node, long (*visit)(struct node *)) {
    if (!node) return 0;
    return visit(node) + inner(node->next, 7);
}
