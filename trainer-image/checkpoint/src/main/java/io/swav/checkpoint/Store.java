package io.swav.checkpoint;

import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.function.Predicate;

/**
 * Storage for checkpoints: files by name, with slashes between folders. A reader sees a file either whole or not at
 * all. Every method throws an {@link IOException} whose message is for the user if the store cannot be reached or
 * refuses.
 */
public interface Store extends AutoCloseable {
    /** Returns the URI for messages: {@code file:///folder} or {@code s3://bucket/prefix}. */
    String uri();

    /**
     * Creates the place where files go, as far as that is possible before the first file; this shows whether it can be
     * written.
     */
    default void prepare() throws IOException {}

    /** Returns the names of all files of checkpoints, including those of unfinished drafts, and of captures. */
    default List<String> names() throws IOException {
        return names("");
    }

    /** Returns those of {@link #names} that begin with this. A store that holds much else is not listed as a whole. */
    List<String> names(String start) throws IOException;

    /**
     * Opens a file for reading.
     *
     * @throws java.nio.file.NoSuchFileException if it does not exist
     */
    Source open(String name) throws IOException;

    /**
     * Creates a file outside any draft; it replaces an existing one when it is committed.
     *
     * @param name has one folder: {@code export/}, {@code not-finite/} or that of the owner's file
     */
    Sink create(String name, DraftWriter writer) throws IOException;

    /** Returns the bytes of Java heap that this store needs to write a checkpoint. */
    default long heapBytes() {
        return 0;
    }

    /**
     * Returns whether the store refused to create a file that exists, as {@link Draft#commit} needs it to. If it does not,
     * of two writers that commit the same name at the same time the last one wins.
     *
     * @param content that the file has
     */
    default boolean refusesSecond(String name, byte[] content) throws IOException {
        return true;
    }

    /** Returns whether several ranks save faster than one here; if not, only {@link UploadShare#ALONE} is used. */
    default boolean shares() {
        return false;
    }

    /**
     * Begins a folder that appears when its last file is written.
     *
     * @param share of this rank in its large files; only rank 0 commits
     */
    Draft draft(String folder, DraftWriter writer, UploadShare share) throws IOException;

    /** Removes a file outside any checkpoint; does nothing if it does not exist. */
    void delete(String name) throws IOException;

    /** Removes a folder, its last file first: a half-removed folder is not a checkpoint. */
    void remove(String folder, String lastFile) throws IOException;

    /**
     * Removes drafts of this generation and earlier ones, which dead writers left behind. A generation has only one
     * writer, and it calls this while it writes nothing else.
     *
     * @param others whether drafts of other trainings are removed too, because the place is this one's
     * @param inUse whether a committed folder points to this draft
     */
    void sweep(DraftWriter writer, boolean others, Predicate<String> inUse) throws IOException;

    @Override
    void close();

    /** A file being read, from its beginning. */
    interface Source extends ReadableByteChannel {
        /** Returns the bytes of the whole file. */
        long size();
    }

    /** A file being written; if it is closed without {@link #commit}, it leaves nothing. */
    interface Sink extends WritableByteChannel {
        /** Commits the file; returns when all bytes would survive a crash. */
        void commit() throws IOException;
    }

    /**
     * A folder being written. If it is closed without {@link #commit}, it leaves nothing, as far as the store can be
     * reached. After a commit that failed it leaves files for {@link #sweep} to remove, because the commit may have
     * taken effect.
     */
    interface Draft extends AutoCloseable {
        /** Creates the next file, one after another. */
        Sink create(String file) throws IOException;

        /**
         * Creates a file that all ranks write, each its share; several may be open. {@link Sink#commit} returns when
         * this rank's share is stored, on rank 0 when the whole file is.
         */
        default Sink createShared(String file) throws IOException {
            return create(file);
        }

        /** Returns the location of the files, relative to the folder: empty, or ends in a slash. */
        String location();

        /**
         * Writes the last file, which makes the folder appear. A folder that was committed under this name must have
         * been removed before.
         *
         * @throws java.nio.file.FileAlreadyExistsException if another writer was first
         */
        void commit(String lastFile, byte[] content) throws IOException;

        @Override
        void close() throws IOException;
    }
}
