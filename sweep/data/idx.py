"""The format of MNIST's own files, for those who read them: ours, and that of an exported script.

Two zero bytes, the type, the number of dimensions, and each dimension in four bytes. Then come the values. All is
big-endian.
"""

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
