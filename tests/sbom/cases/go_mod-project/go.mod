module example.org/shop

go 1.22.0

toolchain go1.22.3

require (
	example.org/auth v1.4.0
	example.org/fork/log v0.9.1 // a comment
	"example.org/quoted" v2.0.0+incompatible
)

require (
	example.org/Upper v0.0.0-20230101120000-0123456789ab // indirect
	example.org/excluded v1.0.0 // indirect
)

require example.org/local v0.1.0

replace example.org/local => ./local

replace example.org/fork/log v0.9.1 => example.org/our/log v0.9.2

exclude example.org/excluded v1.0.0

retract [v0.1.0, v0.2.0] // never mind
