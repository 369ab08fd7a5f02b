package tool

import (
	"context"

	"prefetch_exporter/internal/commandline"
)

func (r *run) healthy(app *commandline.App) (string, func(context.Context) error) {
	return r.probe(app, "healthy", "Ask whether the exporter is healthy, for the health check of a container.")
}

func (r *run) ready(app *commandline.App) (string, func(context.Context) error) {
	return r.probe(app, "ready", "Ask whether the exporter is ready: its state is restored and every account is polled.")
}

// probe is a command that asks what the exporter answers below /-/.
func (r *run) probe(app *commandline.App, name, help string) (string, func(context.Context) error) {
	c := app.Command(name, help+" Exits with 5 if it says that it is not.")
	return c.FullCommand(), func(ctx context.Context) error {
		text, err := r.client.Get(ctx, "/-/"+name)
		if err != nil {
			return err
		}
		if r.json {
			return r.writeJSON(map[string]string{"status": text})
		}
		r.lines(printable(text))
		return nil
	}
}
