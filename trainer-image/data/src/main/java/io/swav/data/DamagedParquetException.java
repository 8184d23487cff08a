package io.swav.data;

import java.io.IOException;

/** A Parquet file is damaged, or has what is not supported. The message says what. */
@SuppressWarnings("serial")
final class DamagedParquetException extends IOException {
    DamagedParquetException(String message) {
        super(message);
    }

    DamagedParquetException(String message, Exception cause) {
        super(message + ": " + cause, cause);
    }
}
