"""Writes the C source of a library to link against, or to start with, where the real one is missing.

    python3 stand_in.py driver CUDA_H BINDINGS > driver.c     gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so driver.c
    nm -D --undefined-only BINARY | python3 stand_in.py cublas > cublas.c

Every function fails with the code that the library has for "not there": 34 of the driver (CUDA_ERROR_STUB_LIBRARY, or CUDA_STUB_ERROR
where that is set; 100 is CUDA_ERROR_NO_DEVICE), 1 of cuBLAS (not initialised), 11 of NVRTC (internal error). Functions that name an error
work, since nobody checks them. Of the driver these are all functions that the header declares or maps a name to, and those that only the
bindings declare; of the others, what the binary asks for.
"""
import re
import sys

NAMING = """int cuGetErrorString(int error, const char **text) {
    *text = error == 100 ? "no CUDA-capable device is detected" : "NVIDIA's driver (libcuda.so.1) is not installed";
    return 0;
}
int cuGetErrorName(int error, const char **text) {
    *text = error == 100 ? "CUDA_ERROR_NO_DEVICE" : "CUDA_ERROR_STUB_LIBRARY";
    return 0;
}"""


def of_driver(header, bindings):
    header = re.sub(r"/\*.*?\*/|//[^\n]*", "", open(header).read(), flags=re.S)
    names = set(re.findall(r"\bCUDAAPI\s+(cu[A-Z]\w*)\s*\(", header))
    # Twice: a name may be mapped to one that is mapped again.
    maps = re.findall(r"#\s*define\s+(cu[A-Z]\w*)\s+(?:__CUDA_API_\w+\()?(cu[A-Z]\w*)\b", header)
    for _ in range(2):
        names |= {to for name, to in maps if name in names}
    for suffix in ("PTSZ", "PTDS"):
        names |= {f"{name}_{suffix.lower()}" for name in re.findall(rf"__CUDA_API_{suffix}\((cu[A-Z]\w*)\)", header)}
    if len(names) < 300:
        sys.exit(f"only {len(names)} functions in {header}: is it cuda.h?")
    names |= set(re.findall(r"\bfn\s+(cu[A-Z]\w*)\s*\(", open(bindings).read()))
    names -= {"cuGetErrorString", "cuGetErrorName"}
    code = 'static int code(void) { const char *set = getenv("CUDA_STUB_ERROR"); return set ? atoi(set) : 34; }'
    return [code, NAMING] + [f"int {name}(void) {{ return code(); }}" for name in sorted(names)]


def of_binary(library, symbols):
    names = sorted(set(re.findall(rf"\b({library}\w+)", symbols)))
    if not names:
        sys.exit(f"the binary asks nothing of {library}")
    code = {"cublas": 1, "nvrtc": 11}[library]
    texts = {"nvrtcGetErrorString": f'const char *nvrtcGetErrorString(int e) {{ return "lib{library}.so.13 is not installed"; }}'}
    return [texts.get(name, f"int {name}(void) {{ return {code}; }}") for name in names]


if len(sys.argv) == 4 and sys.argv[1] == "driver":
    lines = of_driver(*sys.argv[2:])
elif len(sys.argv) == 2 and sys.argv[1] in ("cublas", "nvrtc"):
    lines = of_binary(sys.argv[1], sys.stdin.read())
else:
    sys.exit(__doc__)
print("\n".join(["#include <stdlib.h>"] + lines))
