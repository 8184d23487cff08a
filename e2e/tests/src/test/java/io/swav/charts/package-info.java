@NullMarked
package io.swav.charts;

import org.jspecify.annotations.NullMarked;
