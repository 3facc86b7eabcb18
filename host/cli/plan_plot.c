/* SPDX-License-Identifier: Apache-2.0 */
/* The plot of `keystill plan --plot`: curves on a logarithmic axis, a legend, nothing that needs another
 * program. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "host/cli/plan.h"

enum { WIDTH = 900, HEIGHT = 560, LEFT = 80, RIGHT = 280, TOP = 30, BOTTOM = 60, LINE = 22 };

typedef struct frame {
    double from, to, low, high; /* km; decades */
} frame;

static double x_of(const frame *f, double km) {
    return LEFT + (WIDTH - LEFT - RIGHT) * (km - f->from) / (f->to - f->from);
}

static double y_of(const frame *f, double rate) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(rate) - f->low) / (f->high - f->low);
}

static frame frame_of(const ks_plan_point *points, int all, int count) {
    frame f = {.from = points[0].km, .to = points[count - 1].km, .low = INFINITY, .high = -INFINITY};
    for (int i = 0; i < all; i++)
        if (points[i].rate > 0.0) {
            f.low = fmin(f.low, floor(log10(points[i].rate)));
            f.high = fmax(f.high, ceil(log10(points[i].rate)));
        }
    if (f.low > f.high) { /* no key anywhere */
        f.low = -9;
        f.high = 0;
    }
    f.high = f.high > f.low ? f.high : f.low + 1;
    f.to = f.to > f.from ? f.to : f.from + 1;
    return f;
}

static void draw_axes(FILE *out, const frame *f) {
    const double step = pow(10.0, floor(log10((f->to - f->from) / 2.0)));
    fprintf(out, "<g stroke=\"#ccc\" font-size=\"13\" fill=\"#333\">\n");
    for (double decade = f->low; decade <= f->high; decade += 1.0) {
        const double y = y_of(f, pow(10.0, decade));
        fprintf(out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, WIDTH - RIGHT, y);
        fprintf(out, "<text stroke=\"none\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">1e%.0f</text>\n",
                LEFT - 8, y + 4, decade);
    }
    for (double km = ceil(f->from / step) * step; km <= f->to * (1.0 + 1e-12); km += step) {
        const double x = x_of(f, km);
        fprintf(out, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x, TOP, x, HEIGHT - BOTTOM);
        fprintf(out, "<text stroke=\"none\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x,
                HEIGHT - BOTTOM + 20, km);
    }
    fprintf(out, "</g>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">distance in km</text>\n",
            (WIDTH - RIGHT + LEFT) / 2, HEIGHT - 15);
    fprintf(out,
            "<text transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">secret bits a "
            "pulse</text>\n",
            (HEIGHT - BOTTOM + TOP) / 2);
}

static void draw_series(FILE *out, const frame *f, const ks_plan_series *series, int s,
                        const ks_plan_point *points, int count) {
    static const char *const colours[] = {"#0b5394", "#cc4125", "#38761d", "#674ea7", "#b45f06", "#45818e",
                                          "#a64d79", "#7f6000", "#000000", "#6aa84f", "#3d85c6", "#e06666"};
    const char *colour = colours[s % (int)(sizeof colours / sizeof *colours)];
    char name[64];
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
    for (int i = 0; i < count; i++)
        if (points[i].rate > 0.0)
            fprintf(out, "%.1f,%.1f ", x_of(f, points[i].km), y_of(f, points[i].rate));
    fprintf(out, "\"/>\n");
    for (int i = 0; i < count; i++)
        if (points[i].rate > 0.0)
            fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", x_of(f, points[i].km),
                    y_of(f, points[i].rate), colour);
    ks_plan_series_name(name, series);
    fprintf(out, "\n<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"4\" fill=\"%s\"/>", WIDTH - RIGHT + 15,
            TOP + 6 + s * LINE, colour);
    fprintf(out, "<text x=\"%d\" y=\"%d\" font-size=\"13\">%s</text>\n", WIDTH - RIGHT + 36,
            TOP + 12 + s * LINE, name);
}

int ks_plan_plot(int fd, const ks_plan_series *series, int series_count, const ks_plan_point *points,
                 int count) {
    int own = dup(fd); /* closed with the stream */
    FILE *out = own < 0 ? NULL : fdopen(own, "w");
    if (!out)
        return -1;
    const frame f = frame_of(points, series_count * count, count);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
            "font-size=\"14\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            WIDTH, HEIGHT);
    draw_axes(out, &f);
    for (int s = 0; s < series_count; s++)
        draw_series(out, &f, &series[s], s, points + s * count, count);
    fprintf(out, "</svg>\n");
    const int failed = ferror(out);
    return fclose(out) != 0 || failed ? -1 : 0;
}
