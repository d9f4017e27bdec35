# SPDX-License-Identifier: Apache-2.0
"""libmobilenet through its C interface, for the Python programs of this folder."""
import ctypes

import numpy as np

BF16 = 2  # of mn_type
TYPES = {0: np.float32, 3: np.uint8, 4: np.int8, 5: np.int32, 6: np.int64}


class PlanOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("batch", ctypes.c_int32), ("height", ctypes.c_int32),
                ("width", ctypes.c_int32), ("threads", ctypes.c_int32), ("isa", ctypes.c_char_p),
                ("keep_all", ctypes.c_int32), ("max_image_width", ctypes.c_int32),
                ("max_image_height", ctypes.c_int32), ("goal", ctypes.c_int),
                ("memory_cap", ctypes.c_uint64), ("precision", ctypes.c_int)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_void_p)]


class TensorInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("rank", ctypes.c_int32),
                ("dims", ctypes.c_int32 * 4), ("bytes", ctypes.c_size_t), ("scale", ctypes.c_float),
                ("zero_point", ctypes.c_int32)]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("where", ctypes.c_char * 96), ("text", ctypes.c_char * 384)]


class Ours:
    """One model, planned; `run` is one mn_session_run."""

    def __init__(self, library, path, threads=1, isa=None, precision=0):
        self.lib = ctypes.CDLL(library)
        for name in ("mn_session_input", "mn_session_output"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.mn_version.restype = self.lib.mn_isa.restype = ctypes.c_char_p
        self.error = Error()
        self.model, self.plan = ctypes.c_void_p(), ctypes.c_void_p()
        self.session, self.pool = ctypes.c_void_p(), ctypes.c_void_p()
        options = PlanOptions(struct_size=ctypes.sizeof(PlanOptions), threads=threads,
                              isa=isa.encode() if isa else None, precision=precision)
        self.call("mn_model_open", ctypes.byref(self.model), path.encode(), None)
        self.call("mn_plan_new", ctypes.byref(self.plan), self.model, ctypes.byref(options))
        self.call("mn_threads_new", ctypes.byref(self.pool), threads)
        used = SessionOptions(struct_size=ctypes.sizeof(SessionOptions), threads=self.pool)
        self.call("mn_session_new", ctypes.byref(self.session), self.plan, ctypes.byref(used))
        self.error_pointer = ctypes.byref(self.error)

    def call(self, name, *args):
        if getattr(self.lib, name)(*args, ctypes.byref(self.error)) != 0:
            raise RuntimeError(self.error.text.decode())

    def version(self):
        return f"{self.lib.mn_version().decode()} {self.lib.mn_isa().decode()}"

    def fill(self, x):
        """Inputs are consumed by a run: fill before each."""
        ctypes.memmove(self.lib.mn_session_input(self.session, 0), x.ctypes.data, x.nbytes)

    def run(self):
        if self.lib.mn_session_run(self.session, self.error_pointer) != 0:
            raise RuntimeError(self.error.text.decode())

    def outputs(self):
        """Every output as real numbers."""
        found = []
        for i in range(self.lib.mn_model_output_count(self.model)):
            info = TensorInfo()
            self.call("mn_plan_output_info", self.plan, i, ctypes.byref(info))
            y = np.empty(info.dims[:info.rank], TYPES[info.type])
            ctypes.memmove(y.ctypes.data, self.lib.mn_session_output(self.session, i), y.nbytes)
            found.append(to_real(y, info.scale, info.zero_point))
        return found


def to_real(codes, scale, zero_point):
    if not scale:
        return codes.astype(np.float32)
    return (codes.astype(np.float32) - zero_point) * np.float32(scale)
