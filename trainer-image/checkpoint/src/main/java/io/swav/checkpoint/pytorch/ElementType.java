package io.swav.checkpoint.pytorch;

import java.util.Arrays;
import java.util.Optional;

/** The types of elements that PyTorch's storages have, and their names in safetensors. */
enum ElementType {
    F32(4, "FloatStorage"),
    F64(8, "DoubleStorage"),
    F16(2, "HalfStorage"),
    BF16(2, "BFloat16Storage"),
    I64(8, "LongStorage"),
    I32(4, "IntStorage"),
    I16(2, "ShortStorage"),
    I8(1, "CharStorage"),
    U8(1, "ByteStorage"),
    BOOL(1, "BoolStorage");

    private final int width;
    private final String storage;

    ElementType(int width, String storage) {
        this.width = width;
        this.storage = storage;
    }

    /** Returns the bytes of an element. */
    int width() {
        return width;
    }

    /** Returns the name of the storage class in the module {@code torch}. */
    String storage() {
        return storage;
    }

    /** Returns the type of a storage class. */
    static Optional<ElementType> ofStorage(String name) {
        return Arrays.stream(values()).filter(type -> type.storage.equals(name)).findFirst();
    }
}
