/* What a thread does between two checks of a loop that waits for another thread. */
#ifndef FA_PLATFORM_PAUSE_H
#define FA_PLATFORM_PAUSE_H

static inline void fa__relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
