package io.swav.operator;

import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * A GET or HEAD request, as far as this program reads it.
 *
 * @param remote the client's end of the connection
 * @param local this program's end
 * @param hosts values of all Host headers
 * @param authorization the Authorization header
 * @param gzip whether the client takes a compressed body
 * @param namespace the parameter {@code namespace} of the query
 */
record HttpCall(
        InetSocketAddress remote,
        InetSocketAddress local,
        List<String> hosts,
        Optional<String> authorization,
        boolean gzip,
        Optional<String> namespace) {}
