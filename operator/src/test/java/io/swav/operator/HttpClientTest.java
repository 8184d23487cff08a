package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.okhttp.OkHttpClientFactory;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

/** Java Operator SDK brings another client, whose watches can end without a word (decision 091). */
class HttpClientTest {
    @Test
    void theOnlyClientOnTheClasspathPingsItsWatches() {
        assertThat(ServiceLoader.load(HttpClient.Factory.class))
                .singleElement()
                .isInstanceOf(OkHttpClientFactory.class);
    }
}
