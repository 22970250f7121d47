# The instruction set and the limits on threads. Part of _core.pyx.


def isa():
    """Name of the instruction set in use."""
    return fa_isa().decode()


def isas():
    """Names of the instruction sets that this machine can run, slowest first."""
    return tuple(fa_isas().decode().split(","))


def set_isa(str name):
    """0, or the C library's negative answer for a name that it does not have or cannot run."""
    return fa_set_isa(name.encode())


def num_threads():
    apply_thread_limit()
    return fa_num_threads()


def set_num_threads(int n):
    fa_set_num_threads(n)


def thread_limits():
    """The bounds on the number of threads by source, 0 where a source sets none."""
    apply_thread_limit()
    limits = library.get_thread_limits()
    return {"num_threads": library.thread_limit(), "fa_set_num_threads_here": limits.here,
            "set_num_threads": limits.set,
            "FASTACT_NUM_THREADS": limits.environment, "OpenMP": limits.openmp,
            "CPU affinity": limits.affinity, "cgroup quota": limits.cgroup}


def openmp_runtime():
    return library.openmp_runtime().decode()


# A limit that belongs to a Python context (a thread or an asyncio task) reaches C as the limit of the calling
# thread, set before each call large enough for threads

cdef object limit_of_context = None  # a function without arguments: the limit of the current context, or 0
cdef int blocks_with_limits = 0  # `with` blocks entered and not left, in any thread


def use_context_limit(function):
    """Take the calling context's limit from this function from now on."""
    global limit_of_context
    limit_of_context = function


def count_blocks(int n):
    """Tell how many `with` blocks that limit threads are open, and apply the calling context's limit."""
    global blocks_with_limits
    blocks_with_limits = n
    apply()


def limit_of_thread():
    """The calling thread's limit in C, 0 for none."""
    return library.thread_limit()


cpdef void apply_thread_limit() except *:
    """Make the calling context's limit that of the calling thread in C."""
    if thread_limits_in_use():
        apply()


cdef void apply() except *:
    library.limit_threads(<int>limit_of_context())


cdef inline bint thread_limits_in_use() noexcept nogil:
    return blocks_with_limits != 0 or library.thread_limit() != 0
