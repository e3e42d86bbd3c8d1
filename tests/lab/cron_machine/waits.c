/* Scale the waits that libfaketime 0.9.10 does not know: Python waits for its locks and events by sem_clockwait. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int clockwait(sem_t *, clockid_t, const struct timespec *);

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    clockwait *real = (clockwait *)dlsym(RTLD_NEXT, "sem_clockwait");
    const char *text = getenv("FAKETIME_RATE");
    double rate = text ? atof(text) : 1;
    struct timespec now, then;
    clock_gettime(clock, &now);
    double left = (until->tv_sec - now.tv_sec) + (until->tv_nsec - now.tv_nsec) / 1e9;
    syscall(SYS_clock_gettime, clock, &then);
    double end = then.tv_sec + then.tv_nsec / 1e9 + (left > 0 ? left / rate : 0);
    then.tv_sec = (time_t)end;
    then.tv_nsec = (long)((end - then.tv_sec) * 1e9);
    return real(sem, clock, &then);
}
