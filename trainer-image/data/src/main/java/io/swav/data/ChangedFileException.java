package io.swav.data;

import io.swav.api.Shown;
import java.io.IOException;

/** A file of a data set is not the one that was indexed, so that places in it may hold other bytes. */
@SuppressWarnings("serial")
public final class ChangedFileException extends IOException {
    /**
     * @param name of the file
     * @param difference what differs, for example "10240 bytes instead of 20480"
     */
    public ChangedFileException(String name, String difference) {
        super(Shown.of(name) + " changed since it was indexed: " + difference);
    }
}
