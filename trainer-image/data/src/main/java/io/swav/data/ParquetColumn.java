package io.swav.data;

import com.github.luben.zstd.ZstdInputStream;
import io.swav.data.FileSource.SourceFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;
import org.apache.parquet.VersionParser.ParsedVersion;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.column.impl.ColumnReaderImpl;
import org.apache.parquet.column.page.DataPage;
import org.apache.parquet.column.page.DataPageV1;
import org.apache.parquet.column.page.DataPageV2;
import org.apache.parquet.column.page.DictionaryPage;
import org.apache.parquet.column.page.PageReader;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.CompressionCodec;
import org.apache.parquet.format.DataPageHeader;
import org.apache.parquet.format.DataPageHeaderV2;
import org.apache.parquet.format.PageHeader;
import org.apache.parquet.format.Util;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.jspecify.annotations.Nullable;

/**
 * The values of one column in one row group, in their order. Pages are read as they are needed, one in memory at a time;
 * their encodings are parquet-java's.
 */
final class ParquetColumn implements Closeable {
    private static final int BUFFER = 1 << 16;
    /** Snappy refers back within blocks of this size. */
    private static final int SNAPPY_BLOCK = 1 << 16;
    /** The part of the heap that one page may take, compressed and not: several files are read at a time. */
    private static final int HEAP_PART = 16;

    private final PrimitiveTypeName type;
    private final int defined;
    private final Pages pages;
    private final ColumnReaderImpl reader;

    /**
     * Begins to read.
     *
     * @param rows of the row group
     * @throws DamagedParquetException if the chunk does not have one value a row
     */
    ParquetColumn(
            FileSource source,
            SourceFile file,
            ColumnChunk chunk,
            ParquetFooter.Column column,
            ParsedVersion writer,
            long rows)
            throws IOException {
        ColumnMetaData meta = chunk.getMeta_data();
        if (meta == null || chunk.isSetFile_path()) {
            throw new DamagedParquetException("the values of its column " + column.name() + " are not in this file");
        }
        if (meta.getNum_values() != rows) {
            throw new DamagedParquetException(
                    "its column " + column.name() + " has " + meta.getNum_values() + " values in " + rows + " rows");
        }
        this.type = column.descriptor().getPrimitiveType().getPrimitiveTypeName();
        this.defined = column.descriptor().getMaxDefinitionLevel();
        long start = meta.isSetDictionary_page_offset() && meta.getDictionary_page_offset() > 0
                ? Math.min(meta.getDictionary_page_offset(), meta.getData_page_offset())
                : meta.getData_page_offset();
        if (start < 0 || start > file.bytes()) {
            throw new DamagedParquetException("its column " + column.name() + " begins at byte " + start);
        }
        this.pages = new Pages(source.open(file, start), meta);
        try {
            this.reader = new ColumnReaderImpl(column.descriptor(), pages, new PrimitiveConverter() {}, writer);
        } catch (RuntimeException e) {
            pages.close();
            throw e;
        }
    }

    /** Returns the next value if the row has one: bytes. */
    Optional<byte[]> nextBytes() {
        Optional<byte[]> value = Optional.empty();
        if (reader.getCurrentDefinitionLevel() == defined) {
            Binary bytes = reader.getBinary();
            value = Optional.of(bytes.getBytes());
        }
        reader.consume();
        return value;
    }

    /** Returns the next value if the row has one: a whole number. */
    Optional<Long> nextNumber() {
        Optional<Long> value = Optional.empty();
        if (reader.getCurrentDefinitionLevel() == defined) {
            value = Optional.of(type == PrimitiveTypeName.INT32 ? reader.getInteger() : reader.getLong());
        }
        reader.consume();
        return value;
    }

    @Override
    public void close() throws IOException {
        pages.close();
    }

    /** Reads pages one after another. A fault is thrown unchecked, because the interface leaves no other way. */
    private static final class Pages implements PageReader, Closeable {
        private final InputStream in;
        private final ColumnMetaData meta;
        private long left;
        private @Nullable PageHeader ahead;

        Pages(InputStream source, ColumnMetaData meta) {
            this.in = new BufferedInputStream(source, BUFFER);
            this.meta = meta;
            this.left = meta.getNum_values();
        }

        @Override
        public long getTotalValueCount() {
            return meta.getNum_values();
        }

        @Override
        public @Nullable DictionaryPage readDictionaryPage() {
            try {
                PageHeader header = header();
                if (!header.isSetDictionary_page_header()) {
                    return null;
                }
                ahead = null;
                byte[] page = unpacked(body(header.getCompressed_page_size()), header.getUncompressed_page_size());
                return new DictionaryPage(
                        BytesInput.from(page),
                        header.getDictionary_page_header().getNum_values(),
                        encoding(header.getDictionary_page_header().getEncoding()));
            } catch (IOException e) {
                throw new BadPageException(e);
            }
        }

        @Override
        public @Nullable DataPage readPage() {
            try {
                while (left > 0) {
                    PageHeader header = header();
                    ahead = null;
                    if (header.isSetData_page_header()) {
                        return firstVersion(header, header.getData_page_header());
                    }
                    if (header.isSetData_page_header_v2()) {
                        return secondVersion(header, header.getData_page_header_v2());
                    }
                    in.skipNBytes(header.getCompressed_page_size()); // such as an index
                }
                return null;
            } catch (IOException e) {
                throw new BadPageException(e);
            }
        }

        private PageHeader header() throws IOException {
            PageHeader header = ahead;
            if (header == null) {
                header = Util.readPageHeader(in);
                ahead = header;
            }
            return header;
        }

        private DataPage firstVersion(PageHeader header, DataPageHeader page) throws IOException {
            byte[] values = unpacked(body(header.getCompressed_page_size()), header.getUncompressed_page_size());
            left -= page.getNum_values();
            return new DataPageV1(
                    BytesInput.from(values),
                    page.getNum_values(),
                    values.length,
                    null,
                    encoding(page.getRepetition_level_encoding()),
                    encoding(page.getDefinition_level_encoding()),
                    encoding(page.getEncoding()));
        }

        /** Its levels are never compressed. */
        private DataPage secondVersion(PageHeader header, DataPageHeaderV2 page) throws IOException {
            int repetitions = page.getRepetition_levels_byte_length();
            int definitions = page.getDefinition_levels_byte_length();
            byte[] repetition = body(repetitions);
            byte[] definition = body(definitions);
            byte[] stored = body(header.getCompressed_page_size() - repetitions - definitions);
            int size = header.getUncompressed_page_size() - repetitions - definitions;
            byte[] values = page.isIs_compressed() ? unpacked(stored, size) : stored;
            left -= page.getNum_values();
            return DataPageV2.uncompressed(
                    page.getNum_rows(),
                    page.getNum_nulls(),
                    page.getNum_values(),
                    BytesInput.from(repetition),
                    BytesInput.from(definition),
                    encoding(page.getEncoding()),
                    BytesInput.from(values),
                    null);
        }

        private byte[] body(int bytes) throws IOException {
            requireSize(bytes);
            byte[] read = in.readNBytes(bytes);
            if (read.length < bytes) {
                throw new DamagedParquetException("it ends within a page");
            }
            return read;
        }

        private static void requireSize(int bytes) throws DamagedParquetException {
            long most = Runtime.getRuntime().maxMemory() / HEAP_PART;
            if (bytes < 0 || bytes > most) {
                throw new DamagedParquetException("a page has " + bytes + " bytes, and " + most
                        + " fit this process: write the file again with smaller row groups, as 100 rows, or raise the"
                        + " pod's memory");
            }
        }

        private byte[] unpacked(byte[] stored, int bytes) throws IOException {
            requireSize(bytes);
            CompressionCodec codec = meta.getCodec();
            if (codec == CompressionCodec.UNCOMPRESSED || bytes == 0) {
                return stored;
            }
            try (InputStream from = decompressor(codec, new ByteArrayInputStream(stored))) {
                byte[] all = from.readNBytes(bytes);
                if (all.length < bytes || from.read() >= 0) {
                    throw new DamagedParquetException("a page has another size than its header says");
                }
                return all;
            }
        }

        private static InputStream decompressor(CompressionCodec codec, InputStream stored) throws IOException {
            return switch (codec) {
                case SNAPPY -> new SnappyCompressorInputStream(stored, SNAPPY_BLOCK);
                case GZIP ->
                    GzipCompressorInputStream.builder()
                            .setInputStream(stored)
                            .setDecompressConcatenated(true)
                            .get();
                case ZSTD -> new ZstdInputStream(stored);
                case LZ4_RAW -> new BlockLZ4CompressorInputStream(stored);
                default ->
                    throw new DamagedParquetException("it is compressed with " + codec
                            + ", which is not supported: write it with Snappy, Zstandard, gzip or LZ4_RAW");
            };
        }

        private static Encoding encoding(org.apache.parquet.format.Encoding encoding) {
            return Encoding.valueOf(encoding.name());
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }

    /** Carries a fault of a page through parquet-java's readers. */
    @SuppressWarnings("serial")
    static final class BadPageException extends UncheckedIOException {
        BadPageException(IOException cause) {
            super(cause);
        }
    }
}
