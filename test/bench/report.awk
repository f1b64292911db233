# Prints the table of one benchmark case, then what it must reach.
#
# Input: variant, round, metric, value, separated by tabs.
# -v title=...
# -v columns="metric|label|format;..."   the first one is shown with its range and as ratios
# -v refs="limit bare"                   ratios to these variants, where they ran
# -v musts="variant|metric|op|factor|ref|aim;..."   ref empty: factor is the bound itself
# -v verdicts=FILE                       gets a line for each of the musts
#
# A ratio is the median of the ratios of each round: both were measured within
# seconds of each other then.
BEGIN { FS = "\t" }
{
	if (!($1 in seen)) { seen[$1] = 1; variant[++nvariants] = $1 }
	value[$1, $3, $2] = $4
	if ($2 > rounds) rounds = $2
}
function median_of(n,   i, j, t) {
	for (i = 2; i <= n; i++) {
		t = list[i]
		for (j = i - 1; j >= 1 && list[j] > t; j--) list[j + 1] = list[j]
		list[j + 1] = t
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
# medians, leaves low and high behind; "" if nothing was measured
function median(v, m,   i, n) {
	n = 0
	for (i = 1; i <= rounds; i++) if ((v, m, i) in value) list[++n] = value[v, m, i] + 0
	if (n == 0) return ""
	i = median_of(n); low = list[1]; high = list[n]
	return i
}
function ratio(v, w, m,   i, n) {
	n = 0
	for (i = 1; i <= rounds; i++)
		if (((v, m, i) in value) && ((w, m, i) in value) && value[w, m, i] + 0 != 0)
			list[++n] = value[v, m, i] / value[w, m, i]
	if (n == 0) return ""
	i = median_of(n); low = list[1]; high = list[n]
	return i
}
function cell(text, width) { return sprintf("%" width "s", text) }
END {
	if (nvariants == 0) exit
	ncolumns = split(columns, spec, ";")
	nrefs = split(refs, ref, " ")
	for (j = nrefs; j >= 1; j--) if (!(ref[j] in seen)) { for (k = j; k < nrefs; k++) ref[k] = ref[k + 1]; nrefs-- }
	printf "\n%s  (%d round%s)\n", title, rounds, rounds == 1 ? "" : "s"
	line = sprintf("  %-14s", "")
	for (c = 1; c <= ncolumns; c++) {
		split(spec[c], part, "|")
		name[c] = part[1]; format[c] = part[3]
		line = line cell(part[2], c == 1 ? 30 : 14)
	}
	for (j = 1; j <= nrefs; j++) line = line cell("x " ref[j], 12)
	print line
	for (i = 1; i <= nvariants; i++) {
		v = variant[i]
		line = sprintf("  %-14s", v)
		for (c = 1; c <= ncolumns; c++) {
			m = median(v, name[c])
			if (m == "") text = "-"
			else if (c == 1) text = sprintf(format[c] " (" format[c] " - " format[c] ")", m, low, high)
			else text = sprintf(format[c], m)
			line = line cell(text, c == 1 ? 30 : 14)
		}
		for (j = 1; j <= nrefs; j++) {
			r = ratio(v, ref[j], name[1])
			line = line cell(r == "" ? "-" : sprintf("%.2f", r), 12)
		}
		print line
	}
	nmusts = split(musts, must, ";")
	for (k = 1; k <= nmusts; k++) {
		if (split(must[k], part, "|") < 4 || !(part[1] in seen)) continue
		if (part[5] != "") {
			got = ratio(part[1], part[5], part[2])
			what = sprintf("%s %s / %s", part[1], part[2], part[5])
		} else {
			got = median(part[1], part[2])
			what = part[1] " " part[2]
		}
		if (got == "") continue
		good = part[3] == "<=" ? got <= part[4] : got >= part[4]
		aim = ""
		if (part[6] != "")
			aim = sprintf("   aim %s %s: %s", part[3], part[6],
				(part[3] == "<=" ? got <= part[6] : got >= part[6]) ? "yes" : "no")
		text = sprintf("  must  %-44s %8.3g  (%.3g - %.3g)   %s %s  %s%s", what, got, low, high, part[3], part[4], good ? "pass" : "FAIL", aim)
		print text
		if (verdicts != "") printf "%s\t%s\t%.3g\t%s %s\t%s%s\n", title, what, got, part[3], part[4], good ? "pass" : "FAIL", aim >> verdicts
	}
}
