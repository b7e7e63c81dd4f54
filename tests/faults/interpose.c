/*
 * Stands between the node and the disk: every write and sync of files in one folder passes here (LD_PRELOAD), so the
 * faults come to the process that users run, without a line of it built otherwise.
 *
 *   FAULT_FOLDER=PATH   files below it count
 *   FAULT_KILL_AT=N     SIGKILL before the N-th write or sync; FAULT_TORN=1: after half of that write
 *   FAULT_LOG=FILE      a record of each: kind (w, d = a write that waits for the disk, s = sync), length of name,
 *                       offset, length, name, data
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    char kind;
    uint8_t name_length;
    uint64_t offset;
    uint64_t length;
} __attribute__((packed));

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static long count;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static ssize_t really_write(int fd, const void *data, size_t length)
{
    REAL(write);
    return real(fd, data, length);
}

/* The path below FAULT_FOLDER that `fd` is open on, or NULL. */
static const char *below(int fd, char *path)
{
    static const char *folder;
    char link[64];
    if (!folder && !(folder = getenv("FAULT_FOLDER"))) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    size_t folder_length = strlen(folder);
    if (length <= (ssize_t)folder_length) return NULL;
    path[length] = 0;
    if (strncmp(path, folder, folder_length) != 0) return NULL;
    if (strstr(path, "lock.mdb") || strstr(path, "LOCK")) return NULL;
    return path + folder_length + 1;
}

static void record(int fd, char kind, const char *name, off_t offset, const struct iovec *parts, int parts_count)
{
    static int log = -1;
    if (log == -1) {
        const char *to = getenv("FAULT_LOG");
        log = to ? open(to, O_WRONLY | O_CREAT | O_APPEND, 0600) : -2;
    }
    if (log < 0) return;
    if (kind == 'w' && fcntl(fd, F_GETFL) & O_DSYNC) kind = 'd';
    struct head head = {kind, (uint8_t)strlen(name), (uint64_t)offset, 0};
    for (int at = 0; at < parts_count; at++) head.length += parts[at].iov_len;
    if (really_write(log, &head, sizeof head) < 0 || really_write(log, name, head.name_length) < 0) abort();
    for (int at = 0; at < parts_count; at++)
        if (really_write(log, parts[at].iov_base, parts[at].iov_len) < 0) abort();
}

/* Before a write or sync: the fault that is due. `offset` -1: at the file's end or position. */
static void pass(int fd, char kind, off_t offset, const struct iovec *parts, int parts_count)
{
    char path[PATH_MAX];
    const char *name = below(fd, path);
    if (!name) return;
    pthread_mutex_lock(&one_at_a_time);
    const char *kill_at = getenv("FAULT_KILL_AT");
    if (++count == (kill_at ? atol(kill_at) : 0)) {
        fprintf(stderr, "fault: killed before %c %s\n", kind, name);
        if (getenv("FAULT_TORN") && parts_count && parts[0].iov_len > 1) {
            REAL(pwrite);
            if (offset >= 0) real(fd, parts[0].iov_base, parts[0].iov_len / 2, offset);
            else really_write(fd, parts[0].iov_base, parts[0].iov_len / 2);
        }
        kill(getpid(), SIGKILL);
    }
    record(fd, kind, name, offset, parts, parts_count);
    pthread_mutex_unlock(&one_at_a_time);
}

ssize_t write(int fd, const void *data, size_t length)
{
    struct iovec part = {(void *)data, length};
    if (fd > 2) pass(fd, 'w', lseek(fd, 0, SEEK_CUR), &part, 1);
    return really_write(fd, data, length);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    REAL(pwrite);
    struct iovec part = {(void *)data, length};
    pass(fd, 'w', offset, &part, 1);
    return real(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    return pwrite(fd, data, length, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int parts_count)
{
    REAL(writev);
    if (fd > 2) pass(fd, 'w', lseek(fd, 0, SEEK_CUR), parts, parts_count);
    return real(fd, parts, parts_count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int parts_count, off_t offset)
{
    REAL(pwritev);
    pass(fd, 'w', offset, parts, parts_count);
    return real(fd, parts, parts_count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int parts_count, off64_t offset)
{
    return pwritev(fd, parts, parts_count, offset);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    int result = real(fd);
    pass(fd, 's', 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    REAL(fsync);
    int result = real(fd);
    pass(fd, 's', 0, NULL, 0);
    return result;
}
