package io.swav.data;

import java.io.IOException;

/**
 * A sample is not an image that can be used, for every process that reads it: training skips it, counts it, and logs
 * its name with this message.
 */
@SuppressWarnings("serial")
public final class BadImageException extends IOException {
    BadImageException(String message) {
        super(message);
    }
}
