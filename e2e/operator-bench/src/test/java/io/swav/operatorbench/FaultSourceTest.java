package io.swav.operatorbench;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.operatorbench.FaultSource.RequestKind;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

/** Faults are drawn from the seed alone, and each kind of request meets those that make sense for it. */
class FaultSourceTest {
    private static List<Optional<Fault>> draw(long seed, int percent, RequestKind kind, int requests) {
        FaultSource source = new FaultSource(seed, percent);
        return IntStream.range(0, requests).mapToObj(i -> source.next(kind)).toList();
    }

    @Test
    void oneSeedGivesOneSequence() {
        assertThat(draw(1, 30, RequestKind.WRITE, 200)).isEqualTo(draw(1, 30, RequestKind.WRITE, 200));
        assertThat(draw(1, 30, RequestKind.WRITE, 200)).isNotEqualTo(draw(2, 30, RequestKind.WRITE, 200));
    }

    @Test
    void allFaultsOccurWhereTheyBelong() {
        Set<Fault> all = EnumSet.noneOf(Fault.class);
        for (RequestKind kind : RequestKind.values()) {
            List<Fault> drawn =
                    draw(1, 50, kind, 500).stream().flatMap(Optional::stream).toList();
            assertThat(drawn).hasSizeBetween(200, 300);
            all.addAll(drawn);
            assertThat(drawn.contains(Fault.CONFLICT)).isEqualTo(kind == RequestKind.WRITE);
            assertThat(drawn.contains(Fault.GONE)).isEqualTo(kind == RequestKind.WATCH);
            assertThat(drawn.contains(Fault.CUT)).isEqualTo(kind == RequestKind.WATCH);
            assertThat(drawn.contains(Fault.FROZEN)).isEqualTo(kind == RequestKind.WATCH);
        }
        assertThat(all).containsExactlyInAnyOrder(Fault.values());
        assertThat(draw(1, 0, RequestKind.READ, 500)).allMatch(Optional::isEmpty);
    }

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Test
    void messagesAreReadToTheirEndInBothFramings() throws IOException {
        String counted = "PATCH /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        String chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\n\r\n";
        String last = "GET /b?watch=true HTTP/1.1\r\nHost: a\r\n\r\n";
        InputStream in = stream(counted + chunked + last);

        HttpMessage first = HttpMessage.read(in).orElseThrow();
        assertThat(first.method()).isEqualTo("PATCH");
        assertThat(first.isWatch()).isFalse();
        assertThat(head(first) + text(first.body(in))).isEqualTo(counted);
        HttpMessage second = HttpMessage.read(in).orElseThrow();
        assertThat(second.status()).isEqualTo(200);
        assertThat(head(second) + text(second.body(in))).isEqualTo(chunked);
        HttpMessage third = HttpMessage.read(in).orElseThrow();
        assertThat(third.isWatch()).isTrue();
        assertThat(third.body(in)).isEmpty();
        assertThat(HttpMessage.read(in)).isEmpty();
    }

    @Test
    void aMessageThatIsCutOffIsAnError() throws IOException {
        Assertions.assertThatThrownBy(() -> HttpMessage.read(stream("GET / HT")))
                .isInstanceOf(EOFException.class);
        InputStream in = stream("GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
        HttpMessage message = HttpMessage.read(in).orElseThrow();
        Assertions.assertThatThrownBy(() -> message.body(in)).isInstanceOf(EOFException.class);
    }

    private static String head(HttpMessage message) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        message.writeHead(head);
        return head.toString(StandardCharsets.ISO_8859_1);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }
}
