package io.swav.operator;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.informers.cache.Cache;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.ref.SoftReference;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what an informer has seen as compressed JSON, a tenth of the size of the objects: of many jobs, few are in motion.
 * Objects that are in use stay at hand until the heap runs short of room.
 *
 * <p>It serves one informer. Those of several namespaces would share it, and each would remove what it does not list.
 */
final class CompactStore<T extends HasMetadata> implements ItemStore<T> {
    private final KubernetesSerialization serialization;
    private final Class<T> type;
    private final Map<String, Item<T>> items = new ConcurrentHashMap<>();

    private static final class Item<T> {
        private final byte[] json;
        private volatile SoftReference<T> object;

        Item(byte[] json, T object) {
            this.json = json;
            this.object = new SoftReference<>(object);
        }
    }

    CompactStore(KubernetesSerialization serialization, Class<T> type) {
        this.serialization = serialization;
        this.type = type;
    }

    @Override
    public String getKey(T object) {
        return Cache.metaNamespaceKeyFunc(object);
    }

    @Override
    public @Nullable T put(String key, T object) {
        return object(items.put(key, new Item<>(compress(object), object)));
    }

    @Override
    public @Nullable T remove(String key) {
        return object(items.remove(key));
    }

    @Override
    public Stream<String> keySet() {
        return items.keySet().stream();
    }

    @Override
    public Stream<T> values() {
        return items.values().stream().map(this::object);
    }

    @Override
    public int size() {
        return items.size();
    }

    @Override
    public @Nullable T get(String key) {
        return object(items.get(key));
    }

    byte[] compress(T object) {
        Deflater fast = new Deflater(Deflater.BEST_SPEED);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream compressed = new DeflaterOutputStream(bytes, fast)) {
            compressed.write(serialization.asJson(object).getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            fast.end();
        }
        return bytes.toByteArray();
    }

    T decompress(byte[] bytes) {
        try (InputStream json = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
            return serialization.unmarshal(json, type);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private @Nullable T object(@Nullable Item<T> item) {
        if (item == null) {
            return null;
        }
        T object = item.object.get();
        if (object == null) {
            object = decompress(item.json);
            item.object = new SoftReference<>(object);
        }
        return object;
    }
}
