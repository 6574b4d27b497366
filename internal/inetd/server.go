package inetd

import (
	"errors"
	"io"
)

// Server is the running super-server.
type Server struct{ cfg Config }

func New(c Config) (*Server, error)           { return &Server{cfg: c}, nil }
func (s *Server) Run() error                  { return errors.ErrUnsupported }
func (s *Server) Reload(done func(Outcome))   {}
func (s *Server) Stop()                       {}
func (s *Server) ToggleConnectionLog()        {}
func (s *Server) DumpState()                  {}
func Check(c Config, w io.Writer, json bool) int { return 0 }
