package io.swav.data;

import io.swav.api.Shown;
import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * Reads the entries of a tar shard, of GNU, PAX or ustar format, in the order of the file. Contents are not read unless
 * they are asked for.
 */
final class TarHeaders {
    private static final int RECORD = 512;
    /** Latin-1 keeps every byte of a name, so that {@link FileNames#decode} can judge them. */
    private static final String NAMES = StandardCharsets.ISO_8859_1.name();

    private static final int LATIN1 = 0x100;

    private final FileSource source;
    private final SourceFile shard;
    private final String place;

    TarHeaders(FileSource source, SourceFile shard) {
        this.source = source;
        this.shard = shard;
        this.place = source.place(shard.name());
    }

    /**
     * An entry.
     *
     * @param offset of its content in the file
     * @param folder whether it is a folder
     * @param file whether it holds its own bytes: no folder, link, device, pipe, nor sparse
     */
    record Entry(String name, long offset, long bytes, boolean folder, boolean file) {}

    /** Reads the content of the entry that was visited last. */
    @FunctionalInterface
    interface Content {
        /** Returns the content; empty if it is longer than this. */
        Optional<byte[]> read(int atMost) throws IOException;
    }

    /** Takes one entry after the other. */
    @FunctionalInterface
    interface EntryVisitor {
        /** @throws DataException if the entry makes no sense */
        void entry(Entry entry, Content content) throws IOException;
    }

    /** @throws DataException if the shard is damaged, or cannot be read */
    void scan(EntryVisitor visitor) {
        if (shard.bytes() < 0) {
            throw DataException.noInput(place + " cannot be read: it is a link to nothing; remove it or mend the link");
        }
        try (ShardStream stream = new ShardStream(source, shard);
                TarArchiveInputStream tar =
                        new TarArchiveInputStream(stream, TarConstants.DEFAULT_BLKSIZE, RECORD, NAMES, false)) {
            requireEndMark();
            for (TarArchiveEntry next = tar.getNextEntry(); next != null; next = tar.getNextEntry()) {
                Entry entry = entry(next, stream.position());
                if (entry.file && entry.bytes > shard.bytes() - entry.offset) {
                    throw truncated("entry " + Shown.of(entry.name) + " reaches past the end");
                }
                visitor.entry(
                        entry,
                        most -> entry.bytes <= most
                                ? Optional.of(tar.readNBytes((int) entry.bytes))
                                : Optional.empty());
                long left = Math.max(0, entry.offset + entry.bytes - stream.position());
                stream.content(left, !entry.file); // a sparse file's content begins with what says where its holes are
            }
        } catch (DataException e) {
            throw e;
        } catch (UncheckedIOException e) {
            throw DataException.cannotOpen(place, e);
        } catch (IOException | RuntimeException e) { // the library throws several kinds for fields that make no sense
            throw DataException.badData(place + " is not a readable tar file (truncated or damaged)", e);
        }
    }

    private static Entry entry(TarArchiveEntry entry, long offset) {
        byte type = entry.getLinkFlag();
        boolean regular =
                type == TarConstants.LF_NORMAL || type == TarConstants.LF_OLDNORM || type == TarConstants.LF_CONTIG;
        boolean folder = entry.isDirectory(); // in the oldest format a name with a slash at its end
        return new Entry(
                name(entry.getName()), offset, entry.getSize(), folder, regular && !folder && !entry.isSparse());
    }

    /** A PAX name is UTF-8 by its standard, and decoded already; the bytes of any other are as their writer's locale was. */
    private static String name(String latin1) {
        return FileNames.isAscii(latin1) || latin1.chars().anyMatch(c -> c >= LATIN1)
                ? latin1
                : FileNames.decode(latin1.getBytes(StandardCharsets.ISO_8859_1));
    }

    /**
     * Requires the end-of-archive mark, records of zeros. Without this check, a file that was cut between two entries
     * would look complete.
     */
    private void requireEndMark() {
        long size = shard.bytes();
        if (size < 2 * RECORD || size % RECORD != 0) {
            throw truncated("its size, " + size + " bytes, is not that of a tar file");
        }
        try {
            for (byte b : source.read(shard, size - RECORD, RECORD)) {
                if (b != 0) {
                    throw truncated("the end-of-archive mark is missing");
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private DataException truncated(String why) {
        return DataException.badData(place + " is truncated: " + why + "; copy or write this shard again");
    }
}
