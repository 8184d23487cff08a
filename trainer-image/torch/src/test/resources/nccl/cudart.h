/* The stream, which both stubs use. The runtime queues its tasks, and only counts NCCL's operations; NCCL asks it whether an
 * operation may begin. */
#include <stdatomic.h>

struct CUstream_st {
    atomic_long issued, finished;
    atomic_int ordered; /* whether it has waited for an event of libtorch's stream since the last operation */
    int (*reached)(struct CUstream_st *, long operation); /* whether all tasks before the operation are done */
    struct task *first, **last;
    int default_, destroyed;
    struct CUstream_st *next;
};
