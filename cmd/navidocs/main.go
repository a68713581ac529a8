// Command navidocs keeps a boat's papers. See README.md.
package main

func main() {}
