package io.swav.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.data.FileSource.SourceFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.format.ConvertedType;
import org.apache.parquet.format.FieldRepetitionType;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.KeyValue;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.SchemaElement;
import org.apache.parquet.format.Util;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;

/**
 * Tells which columns of a Parquet file hold encoded images and which holds the label. Images are in columns of bytes, or
 * in a column {@code bytes} of a group, as the datasets of Hugging Face have them; its own description of the columns, in
 * the file's metadata, names the images, the label and the classes.
 *
 * @param images the columns of images, at least one
 * @param classes names of the classes by number; empty if the file has none
 * @param writer what wrote the file, or empty
 */
record ParquetFooter(
        List<Column> images, Optional<Column> label, List<String> classes, List<RowGroup> groups, String writer) {
    private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] ENCRYPTED = "PARE".getBytes(StandardCharsets.US_ASCII);
    private static final int TAIL = 8;
    private static final int MOST_BYTES = 256 << 20;
    private static final int MOST_DEPTH = 100;
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A column of values.
     *
     * @param index its place in each row group
     * @param name that of the column or group at the top of the schema
     * @param text whether its bytes are text
     */
    record Column(int index, String name, ColumnDescriptor descriptor, boolean text) {
        PrimitiveTypeName type() {
            return descriptor.getPrimitiveType().getPrimitiveTypeName();
        }

        boolean isImage() {
            String[] path = descriptor.getPath();
            return type() == PrimitiveTypeName.BINARY
                    && !text
                    && (path.length == 1 || (path.length == 2 && path[1].equals("bytes")));
        }

        boolean isLabel() {
            return descriptor.getPath().length == 1
                    && (text || type() != PrimitiveTypeName.BINARY)
                    && ShardLabel.JSON_MEMBERS.contains(name);
        }
    }

    /**
     * Reads the end of a file.
     *
     * @throws IOException if the file is damaged, encrypted, or has no images; or if its source fails
     */
    static ParquetFooter read(FileSource source, SourceFile file) throws IOException {
        if (file.bytes() < TAIL + MAGIC.length) {
            throw new DamagedParquetException("it has only " + file.bytes() + " bytes");
        }
        ByteBuffer tail =
                ByteBuffer.wrap(source.read(file, file.bytes() - TAIL, TAIL)).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer magic = tail.slice(Integer.BYTES, MAGIC.length);
        if (magic.equals(ByteBuffer.wrap(ENCRYPTED))) {
            throw new DamagedParquetException("it is encrypted, which is not supported");
        }
        int length = tail.getInt(0);
        if (!magic.equals(ByteBuffer.wrap(MAGIC)) || length <= 0 || length > file.bytes() - TAIL - MAGIC.length) {
            throw new DamagedParquetException("it has no footer");
        }
        if (length > MOST_BYTES) {
            throw new DamagedParquetException("its footer has " + length + " bytes, more than " + MOST_BYTES);
        }
        byte[] bytes = source.read(file, file.bytes() - TAIL - length, length);
        try {
            return of(Util.readFileMetaData(new ByteArrayInputStream(bytes)));
        } catch (IOException | RuntimeException e) {
            throw e instanceof DamagedParquetException known
                    ? known
                    : new DamagedParquetException("its footer cannot be read", e);
        }
    }

    private static ParquetFooter of(FileMetaData meta) throws DamagedParquetException {
        List<Column> columns = new ArrayList<>();
        new Schema(meta.getSchema(), columns).visit(List.of(), 0, 0, 0);
        JsonNode features = features(meta);
        List<Column> images = columns.stream()
                .filter(Column::isImage)
                .filter(column -> features.isEmpty()
                        || features.path(column.name).path("_type").asText().equals("Image"))
                .toList();
        if (images.isEmpty()) {
            throw new DamagedParquetException(
                    "it has no column of images: these are bytes, or a group with a column" + " \"bytes\"");
        }
        Optional<Column> label = columns.stream()
                .filter(column -> column.descriptor.getPath().length == 1)
                .filter(column ->
                        features.path(column.name).path("_type").asText().equals("ClassLabel"))
                .findFirst();
        List<String> classes = new ArrayList<>();
        label.ifPresent(column -> features.path(column.name).path("names").forEach(name -> classes.add(name.asText())));
        for (String name : ShardLabel.JSON_MEMBERS) {
            label = label.or(() -> columns.stream()
                    .filter(column -> column.isLabel() && column.name.equals(name))
                    .findFirst());
        }
        String writer = meta.isSetCreated_by() ? meta.getCreated_by() : "";
        return new ParquetFooter(images, label, classes, meta.getRow_groups(), writer);
    }

    /** The columns as Hugging Face's library describes them; empty if it did not write the file. */
    private static JsonNode features(FileMetaData meta) throws DamagedParquetException {
        if (meta.isSetKey_value_metadata()) {
            for (KeyValue entry : meta.getKey_value_metadata()) {
                if (entry.getKey().equals("huggingface") && entry.isSetValue()) {
                    try {
                        return JSON.readTree(entry.getValue()).path("info").path("features");
                    } catch (JsonProcessingException e) {
                        throw new DamagedParquetException("its description by Hugging Face's library is not JSON", e);
                    }
                }
            }
        }
        return JSON.createObjectNode();
    }

    /** Walks the schema, which is a tree in a list: each group is followed by its children. */
    private static final class Schema {
        private final List<SchemaElement> elements;
        private final List<Column> columns;
        private int next;
        private int leaves;

        Schema(List<SchemaElement> elements, List<Column> columns) {
            this.elements = elements;
            this.columns = columns;
        }

        void visit(List<String> above, int definition, int repetition, int depth) throws DamagedParquetException {
            if (next >= elements.size() || depth > MOST_DEPTH) {
                throw new DamagedParquetException("its schema makes no sense");
            }
            SchemaElement element = elements.get(next++);
            List<String> path = new ArrayList<>(above);
            int definitions = definition;
            int repetitions = repetition;
            if (depth > 0) {
                path.add(element.getName());
                FieldRepetitionType kind = element.getRepetition_type();
                definitions += kind == FieldRepetitionType.REQUIRED ? 0 : 1;
                repetitions += kind == FieldRepetitionType.REPEATED ? 1 : 0;
            }
            if (element.isSetType()) {
                leaf(element, path, definitions, repetitions);
            }
            for (int child = 0; child < element.getNum_children(); child++) {
                visit(path, definitions, repetitions, depth + 1);
            }
        }

        private void leaf(SchemaElement element, List<String> path, int definitions, int repetitions) {
            int index = leaves++;
            Optional<PrimitiveTypeName> type = type(element.getType());
            if (repetitions == 0 && type.isPresent() && !path.isEmpty()) {
                boolean text = (element.isSetConverted_type() && element.getConverted_type() == ConvertedType.UTF8)
                        || (element.isSetLogicalType()
                                && element.getLogicalType().isSetSTRING());
                columns.add(new Column(
                        index,
                        path.get(0),
                        new ColumnDescriptor(
                                path.toArray(String[]::new),
                                new PrimitiveType(Type.Repetition.OPTIONAL, type.get(), element.getName()),
                                0,
                                definitions),
                        text));
            }
        }

        private static Optional<PrimitiveTypeName> type(org.apache.parquet.format.Type type) {
            return switch (type) {
                case BYTE_ARRAY -> Optional.of(PrimitiveTypeName.BINARY);
                case INT32 -> Optional.of(PrimitiveTypeName.INT32);
                case INT64 -> Optional.of(PrimitiveTypeName.INT64);
                default -> Optional.empty();
            };
        }
    }
}
