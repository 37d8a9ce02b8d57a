/* Stands before libc's write and spoils the writes to a file called trace.bin, on demand. Preloaded by disk.rs. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NONE, FAILS, INTERRUPTED, SHORT, SLOW, TORN };

static atomic_int kind, error_number;
static atomic_long first, how_many, pause_ms, writes, turn;

/* The writes from number `from` (counted from 1) on, `count` of them. */
void fault_arm(int what, int error, long from, long count, long ms) {
    atomic_store(&kind, NONE);
    atomic_store(&error_number, error);
    atomic_store(&first, from);
    atomic_store(&how_many, count);
    atomic_store(&pause_ms, ms);
    atomic_store(&writes, 0);
    atomic_store(&turn, 0);
    atomic_store(&kind, what);
}

/* Writes to the trace since it was armed. */
long fault_writes(void) { return atomic_load(&writes); }

static int is_trace(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/trace.bin") != NULL;
}

static ssize_t real_write(int fd, const void *bytes, size_t count) {
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    int what = atomic_load(&kind), before = errno;
    if (what == NONE || !is_trace(fd)) {
        errno = before;
        return real_write(fd, bytes, count);
    }
    long number = atomic_fetch_add(&writes, 1) + 1;
    if (number < atomic_load(&first) || number - atomic_load(&first) >= atomic_load(&how_many))
        return real_write(fd, bytes, count);
    switch (what) {
    case INTERRUPTED:
        if (atomic_fetch_add(&turn, 1) % 2 == 0) {
            errno = EINTR;
            return -1;
        }
        return real_write(fd, bytes, count);
    case SHORT:
        return real_write(fd, bytes, count > 1 ? count / 2 : count);
    case SLOW: {
        long ms = atomic_load(&pause_ms);
        struct timespec time = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&time, NULL);
        return real_write(fd, bytes, count);
    }
    case TORN:
        /* Half of it goes through before the disk is full. */
        if (atomic_fetch_add(&turn, 1) == 0 && count > 1) return real_write(fd, bytes, count / 2);
        break;
    }
    errno = atomic_load(&error_number);
    return -1;
}
