package io.swav.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.data.FileSource.SourceFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.parquet.VersionParser;
import org.apache.parquet.VersionParser.ParsedVersion;
import org.apache.parquet.VersionParser.VersionParseException;
import org.apache.parquet.format.RowGroup;

/**
 * Shows a Parquet file with encoded images as the tar shard that has them: row 12 is {@code 000000012.jpg}, with its label
 * in {@code 000000012.cls}, or in {@code .json} if classes have names. Columns of images, if there are several, are {@code
 * 000000012.<column>.jpg}. The same file gives the same bytes. Rows are read in their order, a page of each column in
 * memory at a time.
 */
final class ParquetTar extends InputStream {
    private static final int BLOCK = 512;
    /** Extension of what is not an image; so it is counted as one that is not used. */
    private static final String UNKNOWN = "bin";

    private static final String NO_IMAGE = "no-image";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final FileSource source;
    private final SourceFile file;
    private final ParquetFooter footer;
    private final ParsedVersion writer;
    private final ByteArrayOutputStream made = new ByteArrayOutputStream();
    private final TarArchiveOutputStream tar = new TarArchiveOutputStream(made, BLOCK);
    private final List<ParquetColumn> columns = new ArrayList<>();
    private byte[] ready = new byte[0];
    private int given;
    private int group;
    private long rowsLeft;
    private long row;
    private boolean finished;

    /** @throws IOException if the file is damaged or has no images, or its source fails */
    ParquetTar(FileSource source, SourceFile file) throws IOException {
        this.source = source;
        this.file = file;
        this.footer = ParquetFooter.read(source, file);
        this.writer = version(footer.writer());
    }

    /** A writer that is not known has none of the faults that readers correct for some. */
    private static ParsedVersion version(String writer) {
        try {
            return VersionParser.parse(writer);
        } catch (VersionParseException e) {
            return new ParsedVersion("unknown", null, null);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, into.length);
        while (given == ready.length) {
            if (finished) {
                return -1;
            }
            try {
                advance();
            } catch (ParquetColumn.BadPageException e) {
                throw Objects.requireNonNull(e.getCause());
            } catch (UncheckedIOException e) {
                throw e; // a fault of the source
            } catch (RuntimeException e) {
                throw new DamagedParquetException("its values cannot be read", e);
            }
        }
        int count = Math.min(length, ready.length - given);
        System.arraycopy(ready, given, into, offset, count);
        given += count;
        return count;
    }

    /** Makes the bytes of the next row, or of the end. */
    private void advance() throws IOException {
        made.reset();
        if (rowsLeft > 0) {
            addRow();
            rowsLeft--;
            row++;
        } else {
            closeColumns();
            if (group < footer.groups().size()) {
                begin(footer.groups().get(group++));
            } else {
                tar.finish();
                tar.flush();
                finished = true;
            }
        }
        ready = made.toByteArray();
        given = 0;
    }

    private void begin(RowGroup rows) throws IOException {
        rowsLeft = rows.getNum_rows();
        if (rowsLeft > 0) {
            List<ParquetFooter.Column> wanted = new ArrayList<>(footer.images());
            footer.label().ifPresent(wanted::add);
            for (ParquetFooter.Column column : wanted) {
                if (column.index() >= rows.getColumns().size()) {
                    throw new DamagedParquetException("a row group has no column " + column.name());
                }
                columns.add(new ParquetColumn(
                        source, file, rows.getColumns().get(column.index()), column, writer, rowsLeft));
            }
        }
    }

    private void addRow() throws IOException {
        String key = String.format(Locale.ROOT, "%09d", row);
        List<ParquetFooter.Column> images = footer.images();
        for (int i = 0; i < images.size(); i++) {
            String column = images.size() == 1 ? "" : "." + images.get(i).name().replaceAll("[^\\w-]", "_");
            Optional<byte[]> image = columns.get(i).nextBytes();
            if (image.isPresent()) {
                put(key + column + "." + extension(image.get()), image.get());
            } else {
                put(key + column + "." + NO_IMAGE, new byte[0]);
            }
        }
        if (footer.label().isPresent()) {
            addLabel(key, footer.label().get(), columns.get(images.size()));
        }
        tar.flush();
    }

    private static String extension(byte[] image) {
        return ImageFormat.of(Arrays.copyOf(image, Math.min(image.length, ImageFormat.HEAD_BYTES)))
                .map(ImageFormat::ending)
                .orElse(UNKNOWN);
    }

    private void addLabel(String key, ParquetFooter.Column column, ParquetColumn values) throws IOException {
        if (column.text()) {
            Optional<byte[]> name = values.nextBytes();
            if (name.isPresent()) {
                put(key + ".json", json(new String(name.get(), StandardCharsets.UTF_8)));
            }
            return;
        }
        long label = values.nextNumber().orElse(-1L);
        if (label < 0) {
            return; // Hugging Face writes −1 if there is none
        }
        if (footer.classes().isEmpty()) {
            put(key + ".cls", Long.toString(label).getBytes(StandardCharsets.US_ASCII));
        } else if (label < footer.classes().size()) {
            put(key + ".json", json(footer.classes().get((int) label)));
        } else {
            throw new DamagedParquetException("row " + row + " is of class " + label + ", and the file names "
                    + footer.classes().size() + " classes");
        }
    }

    private static byte[] json(String name) throws JsonProcessingException {
        return JSON.writeValueAsBytes(Map.of(ShardLabel.JSON_MEMBERS.get(0), name));
    }

    private void put(String name, byte[] content) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        entry.setModTime(0);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
    }

    private void closeColumns() throws IOException {
        for (ParquetColumn column : columns) {
            column.close();
        }
        columns.clear();
    }

    @Override
    public void close() throws IOException {
        closeColumns();
    }
}
