/* Scale the waits that libfaketime 0.9.10 does not know: Python waits for its locks and events by sem_clockwait. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The rate stands in the clock's file: "@2026-11-27 09:15:00 x60". */
static double rate_now(void)
{
    char text[128] = "", *found;
    const char *path = getenv("FAKETIME_TIMESTAMP_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        found = fgets(text, sizeof text, file);
        fclose(file);
    }
    found = strchr(text, 'x');
    double rate = found ? atof(found + 1) : 1;
    return rate > 0 ? rate : 1;
}

typedef int clockwait(sem_t *, clockid_t, const struct timespec *);

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    clockwait *real = (clockwait *)dlsym(RTLD_NEXT, "sem_clockwait");
    double rate = rate_now();
    struct timespec now, then;
    clock_gettime(clock, &now);
    double left = (until->tv_sec - now.tv_sec) + (until->tv_nsec - now.tv_nsec) / 1e9;
    syscall(SYS_clock_gettime, clock, &then);
    double end = then.tv_sec + then.tv_nsec / 1e9 + (left > 0 ? left / rate : 0);
    then.tv_sec = (time_t)end;
    then.tv_nsec = (long)((end - then.tv_sec) * 1e9);
    return real(sem, clock, &then);
}
