/* What the two stubs share. The runtime keeps what it is asked for in a queue; NCCL's operations it only counts, and asks
 * whether they may begin. */
#include <stdatomic.h>

struct CUstream_st {
    atomic_long issued, finished;
    atomic_int ordered; /* an event of libtorch's stream was waited for since the last operation */
    int (*reached)(struct CUstream_st *, long operation); /* whether all that was asked for before it is done */
    struct task *first, **last;
    int default_, destroyed;
    struct CUstream_st *next;
};
