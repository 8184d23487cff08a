/* What the two stubs share: a stream is a count of operations issued and finished. */
#include <stdatomic.h>

struct CUstream_st {
    atomic_long issued, finished;
    atomic_int ordered; /* an event of libtorch's stream was waited for since the last operation */
};
