/* The CPU quota of a cgroup, versions 1 and 2. Files are read into buffers on the stack: stdio would allocate memory. */
#include "platform/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lines ------------------------------------------------------------------------------------------ */

#define LONGEST 512 /* a line, its end included */

typedef struct {
    int file;
    size_t at, end; /* of what the buffer holds */
    char buffer[LONGEST];
} reader;

/* the next character, or -1 after the last one */
static int next_character(reader *r) {
    if (r->at == r->end) {
        ssize_t count = read(r->file, r->buffer, sizeof r->buffer);
        if (count <= 0) return -1;
        r->at = 0;
        r->end = (size_t)count;
    }
    return (unsigned char)r->buffer[r->at++];
}

/* The next line, without its end. One that is too long reads as an empty line. Returns 0 after the last line. */
static int next_line(reader *r, char line[LONGEST]) {
    size_t length = 0;
    int c = next_character(r);
    if (c < 0) return 0;
    for (; c >= 0 && c != '\n'; c = next_character(r), length++)
        if (length < LONGEST) line[length] = (char)c;
    line[length < LONGEST ? length : 0] = 0;
    return 1;
}

static int open_to_read(const char *name, reader *r) {
    r->file = open(name, O_RDONLY | O_CLOEXEC);
    r->at = r->end = 0;
    return r->file >= 0;
}

/* Quotas ----------------------------------------------------------------------------------------- */

/* One or two whole numbers at the beginning of a file; "max" or anything else leaves the rest unread. Returns how many
 * were read, or -1 where there is no such file. */
static int read_numbers(const char *folder, const char *path, const char *file, long long numbers[2]) {
    char name[2 * LONGEST], line[LONGEST] = "";
    reader r;
    if (snprintf(name, sizeof name, "%s%s/%s", folder, path, file) >= (int)sizeof name) return -1;
    if (!open_to_read(name, &r)) return -1;
    next_line(&r, line);
    close(r.file);
    int found = 0;
    for (char *from = line, *end; found < 2; found++, from = end) {
        numbers[found] = strtoll(from, &end, 10);
        if (end == from) break;
    }
    return found;
}

/* CPUs granted by one cgroup: quota/period rounded up, or 0 for no limit. The two numbers are in one file (version 2, "max"
 * for none) or in two files (version 1, a negative quota for none). */
static int read_quota(const char *folder, const char *path) {
    long long v2[2] = {0, 0}, quota[2] = {0, 0}, period[2] = {0, 0};
    int found = read_numbers(folder, path, "cpu.max", v2);
    if (found == 2) {
        quota[0] = v2[0];
        period[0] = v2[1];
    } else if (found >= 0 || read_numbers(folder, path, "cpu.cfs_quota_us", quota) < 1 ||
               read_numbers(folder, path, "cpu.cfs_period_us", period) < 1) {
        return 0;
    }
    if (quota[0] <= 0 || period[0] <= 0) return 0;
    long long cpus = quota[0] / period[0] + (quota[0] % period[0] != 0);
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* A cgroup is bound by its own quota and by those of all its ancestors. Each line of the membership file reads
 * "id:controllers:path"; version 2 has no controllers and no folder for them. */
int fa__cgroup_quota(const char *cgroup_root, const char *membership_file) {
    int limit = 0;
    char line[LONGEST], folder[LONGEST];
    reader members;
    if (!open_to_read(membership_file, &members)) return 0;
    while (next_line(&members, line)) {
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : 0;
        if (!path) continue;
        *path++ = 0;
        controllers++;
        if (*controllers && !strstr(controllers, "cpu")) continue;
        if (snprintf(folder, sizeof folder, "%s%s%s", cgroup_root, *controllers ? "/" : "", controllers) >=
            (int)sizeof folder)
            continue;
        for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
            *end = 0;
            int quota = read_quota(folder, path);
            if (quota && (limit == 0 || quota < limit)) limit = quota;
        }
    }
    close(members.file);
    return limit;
}
