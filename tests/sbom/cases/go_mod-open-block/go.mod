module example.org/shop

require (
	example.org/auth v1.4.0
