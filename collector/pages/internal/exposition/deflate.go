package exposition

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// The bounds of a reference of DEFLATE, RFC 1951 section 3.2.5.
const (
	minMatch    = 3
	maxMatch    = 258
	maxDistance = 32 << 10
)

// code is some bits of a DEFLATE stream, the first one the lowest.
type code struct {
	bits   uint32
	length uint8
}

// Deflater compresses samples of which each resembles the one before, several
// times faster than an encoder that has to search for what repeats: a sample is
// a reference to the one before as far as they agree, and its own bytes behind
// that. It uses the fixed code of RFC 1951, so that the stream holds nothing
// that would have to be reckoned from all samples.
//
// It is immutable and safe for concurrent use.
type Deflater struct {
	literals [256]code
	// lengths are the codes of references, by their length.
	lengths [maxMatch + 1]code
}

// NewDeflater returns a deflater.
func NewDeflater() *Deflater {
	d := &Deflater{}
	for i := range d.literals {
		d.literals[i] = symbol(i)
	}
	// Symbols 257 to 264 stand for one length each; from there on, each four
	// stand for twice as many as the four before. 285 is 258 alone.
	const (
		first, single, last = 257, 8, 285
		inGroup             = 4
	)
	length := minMatch
	for s := first; s < last; s++ {
		extra := max(0, (s-first-single+inGroup)/inGroup)
		if s < first+single {
			extra = 0
		}
		for offset := range 1 << extra {
			c := symbol(s)
			c.bits |= uint32(offset) << c.length
			c.length += uint8(extra)
			d.lengths[length] = c
			length++
		}
	}
	d.lengths[maxMatch] = symbol(last)
	return d
}

// symbol is the fixed code of a literal or a length, RFC 1951 section 3.2.6.
func symbol(s int) code {
	groups := [...]struct{ first, value, length int }{
		{0, 0b0011_0000, 8}, {144, 0b1_1001_0000, 9}, {256, 0, 7}, {280, 0b1100_0000, 8},
	}
	g := groups[0]
	for _, next := range groups[1:] {
		if s >= next.first {
			g = next
		}
	}
	return reversed(g.value+s-g.first, g.length)
}

// reversed is a Huffman code, of which the highest bit comes first.
func reversed(value, length int) code {
	return code{bits: bits.Reverse32(uint32(value)) >> (32 - length), length: uint8(length)} //nolint:gosec,mnd // at most 9 bits
}

// distance is the code of how far back a reference reaches.
func distance(d int) code {
	const symbolBits = 5
	d--
	s, extra := d, 0
	if d >= 4 {
		extra = bits.Len(uint(d)) - 2
		s = 2*(extra+1) + d>>extra&1
	}
	c := reversed(s, symbolBits)
	c.bits |= uint32(d&(1<<extra-1)) << symbolBits //nolint:gosec // at most 13 bits
	c.length += uint8(extra)
	return c
}

// AppendMember appends the samples to dst as one member of a gzip file.
func (d *Deflater) AppendMember(dst []byte, s *Samples) []byte {
	const deflate, unknownSystem, lastBlockOfFixedCode = 8, 255, 0b011
	header := []byte{0x1f, 0x8b, deflate, 0, 0, 0, 0, 0, 0, unknownSystem} // RFC 1952 section 2.3
	dst = append(dst, header...)
	w := bitWriter{out: dst}
	w.write(code{bits: lastBlockOfFixedCode, length: 3})
	before, start := 0, 0
	for _, end := range s.Ends {
		d.sample(&w, s.Text[:end], before, start)
		before, start = start, end
	}
	d.sample(&w, s.Text, before, start)
	const endOfBlock = 256
	w.write(symbol(endOfBlock))
	dst = w.close()
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(s.Text))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(s.Text))) //nolint:gosec // RFC 1952: modulo 2^32
}

// sample writes text[start:], of which as much as possible as a reference to
// what stands at before.
func (d *Deflater) sample(w *bitWriter, text []byte, before, start int) {
	i := start
	if back := start - before; back > 0 && back <= maxDistance {
		same := common(text[before:], text[start:])
		far := distance(back)
		for same >= minMatch {
			n := min(same, maxMatch)
			w.write(d.lengths[n])
			w.write(far)
			i += n
			same -= n
		}
	}
	// Of ASCII, each literal is a byte long, so that four make one code.
	const four, byteLength, notASCII = 4, 8, 0x80808080
	for ; i+four <= len(text); i += four {
		b := text[i : i+four : i+four]
		if binary.LittleEndian.Uint32(b)&notASCII != 0 {
			break
		}
		w.write(code{
			bits: d.literals[b[0]].bits | d.literals[b[1]].bits<<byteLength |
				d.literals[b[2]].bits<<(2*byteLength) | d.literals[b[3]].bits<<(3*byteLength),
			length: four * byteLength,
		})
	}
	for _, b := range text[i:] {
		w.write(d.literals[b])
	}
}

// common is how many bytes a and b have in common at their beginning.
func common(a, b []byte) int {
	const word = 8
	n := min(len(a), len(b))
	i := 0
	for ; i+word <= n; i += word {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/word
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// bitWriter appends codes to out.
type bitWriter struct {
	out     []byte
	pending uint64
	length  uint8
}

func (w *bitWriter) write(c code) {
	const half = 32
	w.pending |= uint64(c.bits) << w.length
	w.length += c.length
	if w.length >= half {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.pending)) //nolint:gosec // the lower half
		w.pending >>= half
		w.length -= half
	}
}

// close writes what is pending and returns everything.
func (w *bitWriter) close() []byte {
	const byteLength = 8
	last := binary.LittleEndian.AppendUint64(nil, w.pending)
	return append(w.out, last[:(w.length+byteLength-1)/byteLength]...)
}
