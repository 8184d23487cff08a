package io.swav.data;

/** Learns how far the building of an index is. It may stop the building with a {@link RuntimeException} of its own. */
@FunctionalInterface
interface IndexProgress {
    IndexProgress NONE = (files, total, samples) -> {};

    /**
     * @param files listed so far, or read so far
     * @param total of files to read; 0 while they are listed
     * @param samples found so far
     */
    void at(long files, long total, long samples);
}
