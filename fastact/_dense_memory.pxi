# Memory for one pass at a time, which is used again. Part of _dense.pyx.

cdef enum:
    ALIGNMENT = 64
    MOST_FREE = 16  # blocks that a pool keeps; more are in use only while more passes are


cdef class Block:
    """Memory that one pass uses at a time, and that returns to a pool."""

    cdef void *memory
    cdef char *data  # aligned
    cdef size_t bytes_

    def __dealloc__(self):
        PyMem_RawFree(self.memory)


cdef Block take(list pool, size_t bytes_, Block block=None):
    """A block of at least so many bytes, which may be one in use, made larger. Lists append and pop atomically, so
    that threads, and finalizers that run at any time, need no lock."""
    if block is None:
        try:
            block = pool.pop()
        except IndexError:
            block = Block()
    if block.memory == NULL or block.bytes_ < bytes_:
        PyMem_RawFree(block.memory)
        block.bytes_ = 0
        block.memory = PyMem_RawMalloc(bytes_ + ALIGNMENT)
        if block.memory == NULL:
            raise MemoryError(f"fastact: no memory for {bytes_} bytes of buffers")
        block.data = <char *>block.memory + ALIGNMENT - <size_t>block.memory % ALIGNMENT
        block.bytes_ = bytes_
    return block


cdef void give_back(list pool, Block block):
    if len(pool) < MOST_FREE:
        pool.append(block)
