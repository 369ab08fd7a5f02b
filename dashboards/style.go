package dashboards

// Colours mean the same on every dashboard: green is on the edge, red failed or is
// late, orange wants attention, blue is under way, purple is what nobody knows.
// They are Grafana's own names, which it shades for dark and light. Only lines
// that tell tasks or accounts apart take Grafana's palette, in which colours have
// no meaning.
const (
	colorGood    = "green"
	colorBad     = "red"
	colorWarn    = "orange"
	colorRunning = "blue"
	colorWaiting = "super-light-blue"
	colorUnknown = "purple"
	colorNeutral = "text"
)

// The thresholds of the dashboards. Those that alerts have too are the defaults
// of alerts/prefetch_settings.yml; a test compares them.
const (
	backlogMax    = 3600
	ratioMin      = 0.95
	dataAgeWarn   = 900
	dataAgeBad    = 1800
	deadlineNear  = 900
	usualDuration = 1800
	budgetUsedMax = 0.9
	failureAlert  = 7200
)

// statuses are those of a URL, in the order in which they are stacked: what is
// done at the bottom.
func statuses() []string {
	return []string{"succeeded", "failed", "unknown", "running", "waiting"}
}

func statusColor(status string) string {
	switch status {
	case "succeeded":
		return colorGood
	case "failed":
		return colorBad
	case "running":
		return colorRunning
	case "waiting":
		return colorWaiting
	default:
		return colorUnknown
	}
}

func fixed(color string) map[string]any { return map[string]any{"mode": "fixed", "fixedColor": color} }

func byThreshold() map[string]any { return map[string]any{"mode": "thresholds"} }

// steps are thresholds; the first colour holds below the first value.
func steps(first string, more ...step) *thresholds {
	return &thresholds{Mode: "absolute", Steps: append([]step{{Color: first}}, more...)}
}

func from(value float64, color string) step { return step{Color: color, Value: new(value)} }

// anyIsBad is for what should be zero.
func anyIsBad() *thresholds { return steps(colorGood, from(1, colorBad)) }

func ratioThresholds() *thresholds {
	return steps(colorBad, from(ratioMin, colorWarn), from(1, colorGood))
}

func dataAgeThresholds() *thresholds {
	return steps(colorGood, from(dataAgeWarn, colorWarn), from(dataAgeBad, colorBad))
}

func deadlineThresholds() *thresholds {
	return steps(colorBad, from(0, colorWarn), from(deadlineNear, colorGood))
}

// nextDeadlineThresholds are of a deadline that is still to come.
func nextDeadlineThresholds() *thresholds { return steps(colorWarn, from(deadlineNear, colorGood)) }

// lostThresholds are of what should be zero, and is no failure: nobody knows how
// those tasks fare.
func lostThresholds() *thresholds { return steps(colorGood, from(1, colorUnknown)) }

// spareThresholds are of the time between a finish and its deadline.
func spareThresholds() *thresholds { return steps(colorBad, from(0, colorGood)) }

func override1(field string, properties ...property) override {
	return override{Matcher: matcher{ID: "byName", Options: field}, Properties: properties}
}

func overrideMatching(pattern string, properties ...property) override {
	return override{Matcher: matcher{ID: "byRegexp", Options: pattern}, Properties: properties}
}

// stat is one number, or one for each series.
type stat struct {
	title, description string
	width              int
	unit               string
	decimals           *int
	thresholds         *thresholds
	// plain numbers are not coloured by what they are.
	plain    bool
	noValue  string
	noColor  string // of noValue; without it, that of the lowest threshold
	mappings []mapping
	queries  []query
	// listed puts several series below each other.
	listed bool
}

func (s stat) panel() panel {
	source := prometheus()
	orientation := "auto"
	if s.listed {
		orientation = "horizontal"
	}
	if s.noColor != "" {
		s.mappings = append(s.mappings, nothing(s.noValue, s.noColor))
	}
	color, mode := byThreshold(), "background"
	if s.plain {
		color, mode = fixed(colorNeutral), "none"
	}
	return panel{
		Type: "stat", Title: s.title, Description: s.description, GridPos: gridPos{W: s.width}, Datasource: &source,
		Targets: instantTargets(s.queries...),
		FieldConfig: &fieldConfig{Overrides: []override{}, Defaults: fieldDefaults{
			Unit: s.unit, Decimals: s.decimals, NoValue: s.noValue, Color: color, Thresholds: s.thresholds, Mappings: s.mappings,
		}},
		Options: map[string]any{
			"colorMode": mode, "graphMode": "none", "justifyMode": "auto", "orientation": orientation, "textMode": "auto", "wideLayout": true,
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		},
	}
}

// graph is lines over time.
type graph struct {
	title, description string
	width              int
	unit               string
	min, max           *float64
	// stacked areas sum to a whole.
	stacked bool
	// bars count what happened in an interval.
	bars bool
	// logarithmic is for values of very different size.
	logarithmic bool
	// zones shows the thresholds as lines.
	zones      *thresholds
	axis       string
	table      bool
	stepped    bool
	queries    []query
	overrides  []override
	interval   string
	seriesCalc []string
}

func (g graph) panel() panel {
	source := prometheus()
	custom := map[string]any{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 2, "fillOpacity": 0, "showPoints": "never",
		"spanNulls": false, "axisLabel": g.axis, "axisSoftMax": 1,
		"stacking": map[string]any{"mode": "none", "group": "A"},
	}
	if g.stepped || g.stacked {
		custom["lineInterpolation"] = "stepAfter"
	}
	if g.stacked {
		custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
		custom["fillOpacity"], custom["lineWidth"] = 70, 0
	}
	if g.bars {
		custom["drawStyle"], custom["fillOpacity"], custom["lineWidth"] = "bars", 80, 1
		custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	}
	if g.logarithmic {
		custom["scaleDistribution"] = map[string]any{"type": "log", "log": 10}
	}
	if g.zones != nil {
		custom["thresholdsStyle"] = map[string]any{"mode": "dashed"}
	}
	legend := map[string]any{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []string{}}
	if g.table {
		legend["displayMode"], legend["placement"], legend["calcs"] = "table", "right", g.seriesCalc
	}
	if g.overrides == nil {
		g.overrides = []override{}
	}
	return panel{
		Type: "timeseries", Title: g.title, Description: g.description, GridPos: gridPos{W: g.width}, Datasource: &source,
		Interval: g.interval, Targets: rangeTargets(g.queries...),
		FieldConfig: &fieldConfig{Overrides: g.overrides, Defaults: fieldDefaults{
			Unit: g.unit, Min: g.min, Max: g.max, Thresholds: g.zones, Custom: custom, Color: map[string]any{"mode": "palette-classic"},
		}},
		Options: map[string]any{"legend": legend, "tooltip": map[string]any{"mode": "multi", "sort": "desc"}},
	}
}

// statusColors gives each status its colour.
func statusColors() []override {
	var overrides []override
	for _, s := range statuses() {
		overrides = append(overrides, override1(s, property{"color", fixed(statusColor(s))}))
	}
	return overrides
}

// dashed draws the lines of a name that matches as dashes.
func dashed(pattern string) override {
	return overrideMatching(pattern,
		property{"custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{8, 8}}},
		property{"custom.lineWidth", 1})
}
