// Package launch starts a program the way a cloud platform would start it: with the
// environment of an App Service app or of a virtual machine, trust in our certificates, a
// proxy for our names, and nothing else changed. The program keeps its terminal, its
// standard streams and its exit status, and gets the signals its launcher gets (L-15).
package launch
