/* What CudaLibraries puts in the place of CUDA's libraries where there is no GPU: one device whose memory is the processor's. Copies are made, kernels, products and
 * convolutions compute nothing, and a graph that is launched replays nothing. So what a network says is whatever its memory held; all else is as on a GPU: which nodes
 * the provider takes, what is copied, what is captured.
 *
 * Functions that are not here do nothing and return 0, success.
 *
 * CUDA_CALLS names a file to which copies, captures and launches are appended, a line each. With CUDA_FAILS all calls but the count of devices fail. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NO_DEVICE = 100 };

static int result(void) { return getenv("CUDA_FAILS") ? NO_DEVICE : SUCCESS; }

static int say(const char *call) {
  const char *path = getenv("CUDA_CALLS");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (file) {
    fprintf(file, "%s\n", call);
    fclose(file);
  }
  return result();
}

static int make(void **handle, size_t bytes) {
  /* Kernels write nothing, so that zeros are what they say most of the time. */
  *handle = calloc(1, bytes + 256);
  return result();
}

static int copy(void *to, const void *from, size_t bytes, int kind) {
  static const char *const kinds[] = {"copy", "copy to device", "copy to host", "copy on device", "copy"};
  memcpy(to, from, bytes);
  return say(kinds[kind]);
}

int cudaGetDeviceCount(int *count) { *count = 1; return SUCCESS; }
int cudaGetDevice(int *device) { *device = 0; return result(); }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return result(); }
int cudaDriverGetVersion(int *version) { *version = 13000; return result(); }

/* driver_types.h, cudaDeviceAttr: compute capability 9.0, and of all else plenty. */
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 1024;
  return result();
}

/* driver_types.h, cudaDeviceProp. */
struct properties {
  char name[256], uuid[16], luid[8];
  unsigned luid_mask;
  size_t memory, shared_memory_of_block;
  int registers_of_block, warp;
  size_t pitch;
  int threads_of_block, threads[3], grid[3];
  size_t constant_memory;
  int major, minor;
  size_t alignment[2];
  int processors, more[100];
};

int cudaGetDeviceProperties(struct properties *p, int device) {
  /* Ours may be longer than the caller's: what follows the processors stays as it is. */
  memset(p, 0, offsetof(struct properties, more));
  strcpy(p->name, "none");
  p->memory = (size_t)8 << 30;
  p->shared_memory_of_block = 49152;
  p->registers_of_block = 65536;
  p->warp = 32;
  p->threads_of_block = p->threads[0] = p->threads[1] = 1024;
  p->threads[2] = 64;
  p->grid[0] = 0x7fffffff;
  p->grid[1] = p->grid[2] = 65535;
  p->major = 9;
  p->processors = 132;
  return result();
}

int cudaMemGetInfo(size_t *left, size_t *total) { *left = *total = (size_t)8 << 30; return result(); }
int cudaMalloc(void **memory, size_t bytes) { return make(memory, bytes); }
int cudaMallocHost(void **memory, size_t bytes) { return make(memory, bytes); }
int cudaHostAlloc(void **memory, size_t bytes, unsigned flags) { return make(memory, bytes); }
int cudaFree(void *memory) { free(memory); return result(); }
int cudaFreeHost(void *memory) { free(memory); return result(); }
int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) { return copy(to, from, bytes, kind); }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) { return copy(to, from, bytes, kind); }

int cudaStreamCreate(void **stream) { return make(stream, 8); }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { return make(stream, 8); }
int cudaEventCreate(void **event) { return make(event, 8); }
int cudaEventCreateWithFlags(void **event, unsigned flags) { return make(event, 8); }
int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return result(); }
int cudaStreamBeginCapture(void *stream, int mode) { return say("capture"); }
int cudaStreamEndCapture(void *stream, void **graph) { return make(graph, 8); }
int cudaGraphInstantiate(void **graph, void *of, unsigned long long flags) { return make(graph, 8); }
int cudaGraphLaunch(void *graph, void *stream) { return say("launch"); }

void **__cudaRegisterFatBinary(void *binary) { static void *handle; return &handle; }
int __cudaGetKernel(void **kernel, const void *function) { return make(kernel, 8); }

int cublasCreate_v2(void **handle) { return make(handle, 8); }
int cublasLtCreate(void **handle) { return make(handle, 8); }

/* cuDNN is opened by name, and has no versions. Its attributes are asked for one by one: there is always one, a zero. */
size_t cudnnGetVersion(void) { return 91000; }
int cudnnCreate(void **handle) { return make(handle, 8); }
int cudnnBackendCreateDescriptor(int kind, void **descriptor) { return make(descriptor, 8); }
int cudnnBackendGetAttribute(void *descriptor, int name, int type, long long wanted, long long *count, void *values) {
  enum { DESCRIPTOR = 15 };
  if (count) *count = 1;
  if (values && wanted > 0 && type != DESCRIPTOR) memset(values, 0, 4);
  return result();
}
