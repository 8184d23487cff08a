package io.swav.operator;

/** Writes HTML: {@link #text} escapes what it is given, so that it is shown as it is. */
final class HtmlWriter {
    private final StringBuilder out = new StringBuilder();

    /** Appends the operator's own markup, unescaped. */
    HtmlWriter raw(String markup) {
        out.append(markup);
        return this;
    }

    HtmlWriter text(Object words) {
        String.valueOf(words).codePoints().forEach(this::escaped);
        return this;
    }

    /** Appends {@code <name>words</name>}; {@code name} may have attributes. */
    HtmlWriter tag(String name, Object words) {
        return raw("<" + name + ">").text(words).raw("</" + name.split(" ", 2)[0] + ">");
    }

    private void escaped(int c) {
        switch (c) {
            case '&' -> out.append("&amp;");
            case '<' -> out.append("&lt;");
            case '>' -> out.append("&gt;");
            case '"' -> out.append("&quot;");
            case '\'' -> out.append("&#39;");
            default -> out.appendCodePoint(c);
        }
    }

    @Override
    public String toString() {
        return out.toString();
    }
}
