package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RemoteDataTest {
    @ParameterizedTest
    @CsvSource({
        "s3://bucket, s3, bucket, ''",
        "s3://bucket/, s3, bucket, ''",
        "s3://bucket/a/b, s3, bucket, a/b",
        "s3://bucket/a b+c%20d/*.tar, s3, bucket, a b+c d/*.tar",
        "s3://bucket/s-{000..099}.tar, s3, bucket, s-{000..099}.tar",
        "s3://bucket/s-00?.tar, s3, bucket, s-00?.tar",
        "https://host:8443/d/x.tar, https, host:8443, d/x.tar",
        "http://host/d/s-{0..9}.tar.zst, http, host, d/s-{0..9}.tar.zst"
    })
    void placesAreTakenApart(String uri, String scheme, String authority, String path) {
        StorageUri.requireData(uri);
        assertThat(StorageUri.remoteData(uri)).contains(new StorageUri.RemoteData(scheme, authority, path));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/data", "file:///data", "data/{a,b}.tar", "/data/s-{000..099}.tar"})
    void localPlacesAreNotRemote(String uri) {
        StorageUri.requireData(uri);
        assertThat(StorageUri.remoteData(uri)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "https://host/data/, name the shards",
        "https://host/d/*.tar, name the shards",
        "https://host/x.zip, name the shards",
        "https://host/d/x.tar?sig=abc, query",
        "https://me:secret@host/x.tar, SWAV_DATA_AUTHORIZATION",
        "s3:///prefix, not a bucket's name",
        "s3://bu cket/prefix, not a bucket's name",
        "s3://bucket/s-{0..9.tar, without a }",
        "s3://bucket/s-[.tar, not a valid pattern",
        "/data/s-{0..9.tar, without a }",
        "gs://bucket/prefix, s3://bucket/prefix"
    })
    void whatCannotBeReadIsRefusedWithAWayOut(String uri, String message) {
        assertThatThrownBy(() -> StorageUri.requireData(uri))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void noSecretIsRepeated() {
        assertThatThrownBy(() -> StorageUri.requireData("https://me:secret@host/x.tar?sig=hidden"))
                .hasMessageNotContainingAny("secret", "hidden");
    }
}
