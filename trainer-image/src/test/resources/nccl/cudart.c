/* A CUDA runtime without a GPU: "device memory" is host memory, streams only count. */
#include "cudart.h"
#include <stdlib.h>
#include <string.h>

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st {
    cudaStream_t stream;
    long target;
    int recorded;
} *cudaEvent_t;
struct cudaPointerAttributes {
    int type, device;
    void *devicePointer, *hostPointer;
};
enum { SUCCESS = 0, INVALID = 1, NOT_READY = 600 };

int cudaGetDeviceCount(int *count) { *count = 1; return SUCCESS; }
int cudaSetDevice(int device) { return device == 0 ? SUCCESS : INVALID; }
int cudaDriverGetVersion(int *version) { *version = 12090; return SUCCESS; }
int cudaRuntimeGetVersion(int *version) { *version = 12090; return SUCCESS; }
const char *cudaGetErrorString(int error) { return error == NOT_READY ? "not ready" : "invalid argument"; }
int cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) { *stream = calloc(1, sizeof **stream); return SUCCESS; }
int cudaStreamDestroy(cudaStream_t stream) { free(stream); return SUCCESS; }
int cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) { *event = calloc(1, sizeof **event); return SUCCESS; }
int cudaEventDestroy(cudaEvent_t event) { free(event); return SUCCESS; }

int cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->stream = stream;
    event->target = stream ? atomic_load(&stream->issued) : 0;
    event->recorded = 1;
    return SUCCESS;
}

int cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    if (!event->recorded) return INVALID;
    if (stream && !event->stream) atomic_store(&stream->ordered, 1);
    return SUCCESS;
}

int cudaEventQuery(cudaEvent_t event) {
    return !event->stream || atomic_load(&event->stream->finished) >= event->target ? SUCCESS : NOT_READY;
}

int cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *pointer) {
    memset(attributes, 0, sizeof *attributes);
    attributes->type = 2; /* device */
    attributes->devicePointer = (void *) pointer;
    return SUCCESS;
}
