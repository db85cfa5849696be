/* A device that computes nothing: memory is the host's, launches and products do nothing, but sizes must be allowed and a kernel in its
   module. It finds panics of the code around the kernels (sizes, strides, names, sources that NVRTC compiles) where there is no GPU, and
   counts what is asked of a device; numbers are wrong. docs/cuda.md says how to run with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#define DONE { return 0; }
#ifdef CUBLAS
int cublasCreate_v2(void **handle) { *handle = malloc(1); return 0; }
int cublasDestroy_v2(void) DONE
int cublasSetStream_v2(void) DONE
int cublasSgemm_v2(void) DONE
int cublasDgemm_v2(void) DONE
int cublasSgemv_v2(void) DONE
int cublasDgemv_v2(void) DONE
int cublasGemmEx(void) DONE
int cublasGemmStridedBatchedEx(void) DONE
int cublasDgemmStridedBatched(void) DONE
int cublasSgemmStridedBatched(void *handle, int ta, int tb, int m, int n, int k, float *alpha, float *a, int lda, long long sa, float *b, int ldb,
    long long sb, float *beta, float *c, int ldc, long long sc, int batch) {
    int fits = m > 0 && n > 0 && k > 0 && batch > 0 && lda >= (ta ? k : m) && ldb >= (tb ? n : k) && ldc >= m && (batch == 1 || sc >= (long long)ldc * n);
    if (!fits) fprintf(stderr, "fake cuBLAS: m %d n %d k %d batch %d, a %s lda %d stride %lld, b %s ldb %d stride %lld, ldc %d stride %lld\n", m, n, k, batch,
        ta ? "T" : "N", lda, sa, tb ? "T" : "N", ldb, sb, ldc, sc);
    return fits ? 0 : 7;
}
#else
typedef unsigned long long ptr;
static long launches, copies, allocations, modules, contexts;
static size_t live, most;
static const size_t memory = (size_t)64 << 30;
__attribute__((destructor)) static void told(void) {
    fprintf(stderr, "fake device: %ld launches, %ld copies to or from the host, %ld allocations, %ld modules, %ld contexts, %zu bytes at most\n", launches,
        copies, allocations, modules, contexts, most);
}
int cuInit(unsigned flags) DONE
int cuDeviceGet(int *d, int i) { *d = i; return i ? 101 : 0; }
int cuDeviceGetCount(int *n) { *n = 1; return 0; }
int cuDeviceGetAttribute(int *value, int what, int d) { *value = 1; return 0; }
int cuDevicePrimaryCtxRetain(void **c, int d) { contexts++; *c = malloc(1); return 0; }
int cuDevicePrimaryCtxRelease_v2(int d) DONE
static __thread void *current;
int cuCtxSetCurrent(void *c) { current = c; return 0; }
int cuCtxGetCurrent(void **c) { *c = current; return 0; }
int cuEventCreate(void **e, unsigned f) { *e = malloc(1); return 0; }
int cuEventRecord(void) DONE
int cuEventDestroy_v2(void) DONE
int cuStreamCreate(void **s, unsigned f) { *s = malloc(1); return 0; }
int cuStreamDestroy_v2(void) DONE
int cuStreamSynchronize(void) DONE
int cuStreamWaitEvent(void) DONE
int cuMemGetInfo_v2(size_t *left, size_t *all) { *left = memory - live; *all = memory; return 0; }
int cuMemAlloc_v2(ptr *p, size_t n) {
    void *got = calloc(n ? n : 1, 1);
    allocations++;
    live += malloc_usable_size(got);
    if (live > most) most = live;
    *p = (ptr)got;
    return got ? 0 : 2;
}
int cuMemAllocAsync(ptr *p, size_t n, void *s) { return cuMemAlloc_v2(p, n); }
int cuMemFree_v2(ptr p) { live -= malloc_usable_size((void *)p); free((void *)p); return 0; }
int cuMemFreeAsync(ptr p, void *s) { return cuMemFree_v2(p); }
int cuMemsetD8_v2(ptr p, unsigned char v, size_t n) { memset((void *)p, v, n); return 0; }
int cuMemsetD8Async(ptr p, unsigned char v, size_t n, void *s) { return cuMemsetD8_v2(p, v, n); }
int cuMemcpyHtoD_v2(ptr to, void *from, size_t n) { copies++; memcpy((void *)to, from, n); return 0; }
int cuMemcpyHtoDAsync_v2(ptr to, void *from, size_t n, void *s) { return cuMemcpyHtoD_v2(to, from, n); }
int cuMemcpyDtoH_v2(void *to, ptr from, size_t n) { copies++; memcpy(to, (void *)from, n); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, ptr from, size_t n, void *s) { return cuMemcpyDtoH_v2(to, from, n); }
int cuMemcpyDtoD_v2(ptr to, ptr from, size_t n) { memcpy((void *)to, (void *)from, n); return 0; }
int cuMemcpyDtoDAsync_v2(ptr to, ptr from, size_t n, void *s) { return cuMemcpyDtoD_v2(to, from, n); }
int cuModuleLoadData(void **m, char *ptx) { modules++; *m = strdup(ptx); return 0; }
/* NVRTC asks the driver for this table; without an answer it crashes. */
int cuGetExportTable(void **table, void *id) { *table = 0; return 500; }
int cuModuleLoad(void **m, char *file) { return 301; }
int cuModuleUnload(void) DONE
int cuModuleGetFunction(void **f, char *ptx, char *name) {
    char entry[300];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    *f = malloc(1);
    if (strstr(ptx, entry)) return 0;
    fprintf(stderr, "fake device: no kernel %s in its module\n", name);
    return 500;
}
int cuLaunchKernel(void *f, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz) {
    launches++;
    if (x && y && z && bx && by && bz && bx * by * bz <= 1024 && y <= 65535 && z <= 65535) return 0;
    fprintf(stderr, "fake device: a launch of %ux%ux%u blocks of %ux%ux%u\n", x, y, z, bx, by, bz);
    return 1;
}
int cuGetErrorName(int error, const char **text) { *text = error == 101 ? "CUDA_ERROR_INVALID_DEVICE" : "CUDA_ERROR_OF_THE_FAKE"; return 0; }
int cuGetErrorString(int error, const char **text) { *text = error == 101 ? "invalid device ordinal" : "an error of the fake device"; return 0; }
#endif
