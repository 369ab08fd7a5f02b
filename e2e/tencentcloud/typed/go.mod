module prefetch_exporter/e2e/tencentcloud/typed

go 1.26.0

replace prefetch_exporter => ../../../

require (
	github.com/tencentcloud/tencentcloud-sdk-go v1.0.162
	prefetch_exporter v0.0.0-00010101000000-000000000000
)
