/* What the two stubs share. NCCL's operations on a stream are only counted; what the runtime is asked for waits in a queue. */
#include <stdatomic.h>

struct CUstream_st {
    atomic_long issued, finished;
    atomic_int ordered; /* an event of libtorch's stream was waited for since the last operation */
    struct task *first, **last;
    struct CUstream_st *next;
};
