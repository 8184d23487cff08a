package io.swav.trainer;

import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointCatalog.CatalogEntry;
import java.io.IOException;
import java.util.List;

/**
 * Holds what a scan of the store found.
 *
 * @param newest step of the newest checkpoint that verifies, 0 if there is none
 * @param listed the newest checkpoints, newest first
 * @param request the checkpoint request that the newest of them answers, empty for none
 */
record StoreScan(long newest, List<CheckpointEntry> listed, String request) {
    private static final int LISTED = 10;

    /** Lists the store's checkpoints, and fully reads those that this process has not verified yet. */
    static StoreScan of(CheckpointCatalog store, StoreStatus known) throws IOException {
        List<CatalogEntry> entries = store.catalogue(true);
        List<CatalogEntry> verified =
                entries.stream().filter(CatalogEntry::verified).toList();
        return new StoreScan(
                verified.stream().mapToLong(entry -> entry.state().step()).max().orElse(0),
                entries.stream()
                        .limit(LISTED)
                        .map(entry -> entry(store.uri(), entry, known))
                        .toList(),
                verified.stream()
                        .map(entry -> entry.state().request())
                        .filter(request -> !request.isEmpty())
                        .findFirst()
                        .orElse(""));
    }

    private static CheckpointEntry entry(String uri, CatalogEntry entry, StoreStatus known) {
        return new CheckpointEntry(
                entry.state().step(),
                entry.state().samples(),
                entry.state().worldSize(),
                uri + "/step-" + entry.state().step(),
                entry.digest(),
                entry.bytes(),
                known.seconds(entry.state().step()),
                entry.verified(),
                entry.problem().filter(text -> !text.isEmpty()).orElse(null),
                entry.state().time());
    }
}
