package io.swav.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.swav.api.DataLedger;
import io.swav.api.Shown;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a training remembers of its data in its checkpoint store: the ledger of the sets that its epochs have seen, and the
 * index that covers them. The index is named by the fingerprint of the newest set, so none is ever overwritten by another.
 */
final class TrainingSets {
    private final IndexHome home;
    private final String key;
    private final Path work;

    /**
     * @param key names the data, see {@link IndexKeeper#key}
     * @param work folder for temporary files
     */
    TrainingSets(IndexHome home, String key, Path work) {
        this.home = home;
        this.key = key;
        this.work = work;
    }

    /** Returns where the ledger lies, for messages. */
    String place() {
        return home.uri() + (home.uri().endsWith("/") ? "" : "/") + ledgerName();
    }

    private String ledgerName() {
        return key + ".sets.json";
    }

    private static String indexName(String digest) {
        return "set-" + digest + IndexKeeper.SUFFIX;
    }

    /**
     * Reads the ledger; empty if there is none.
     *
     * @throws IndexFile.UnusableIndexException if it is damaged
     */
    Optional<DataLedger> ledger() throws IOException {
        Optional<byte[]> json = home.read(ledgerName());
        try {
            return json.isEmpty()
                    ? Optional.empty()
                    : Optional.ofNullable(IndexFile.JSON.readValue(json.get(), DataLedger.class));
        } catch (JsonProcessingException e) {
            throw new IndexFile.UnusableIndexException(
                    place() + " is no ledger of sets: " + Shown.of(e.getOriginalMessage()));
        }
    }

    /** Writes the ledger. */
    void write(DataLedger ledger) throws IOException {
        home.write(ledgerName(), IndexFile.JSON.writeValueAsBytes(ledger));
    }

    /**
     * Opens the index of a set; empty if it is not kept.
     *
     * @throws IndexFile.UnusableIndexException if it is damaged
     */
    Optional<IndexFile> index(String digest) throws IOException {
        Path copy = Files.createTempFile(work, "read", IndexKeeper.SUFFIX);
        try {
            return home.fetch(indexName(digest), copy) ? Optional.of(IndexFile.open(copy)) : Optional.empty();
        } finally {
            Files.delete(copy);
        }
    }

    /** Keeps the index of a set. */
    void keep(IndexFile index) throws IOException {
        Path copy = Files.createTempFile(work, "keep", IndexKeeper.SUFFIX);
        try {
            index.copyTo(copy);
            home.store(indexName(index.meta().fingerprint().digest()), copy);
        } finally {
            Files.delete(copy);
        }
    }

    /** Removes the index of a set that a later one covers. */
    void remove(String digest) throws IOException {
        home.remove(indexName(digest));
    }
}
