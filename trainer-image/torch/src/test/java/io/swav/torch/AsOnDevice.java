package io.swav.torch;

/** While an instance is open, arrays are read and written as if they were on a device. */
public final class AsOnDevice implements AutoCloseable {
    private AsOnDevice() {}

    public static AsOnDevice begin() {
        HostView.copies = true;
        return new AsOnDevice();
    }

    @Override
    public void close() {
        HostView.copies = false;
    }
}
